-- The only tables of ours in the centre. The ledger row of a document is inserted first, in the transaction of its business
-- rows; the two unique constraints are what makes the return exactly-once. What is looked up is nvarchar, as the driver sends it:
-- compared with a varchar column it would read the whole index.
IF object_id('yj_ledger') IS NULL
CREATE TABLE yj_ledger (
    yj_id           nvarchar(40)   NOT NULL PRIMARY KEY,
    entity          varchar(30)    NOT NULL,
    incident_no     integer        NOT NULL,
    installation_id nvarchar(40)   NOT NULL,
    sequence        bigint         NOT NULL,
    payload_hash    varchar(64)    NOT NULL,
    central_key     varchar(40),
    amount          numeric(14, 2) NOT NULL DEFAULT 0,
    operator_code   varchar(20),
    receipt_no      varchar(40),
    yj_no           varchar(30),
    business_date   date,
    applied_at      datetimeoffset NOT NULL DEFAULT sysdatetimeoffset(),
    CONSTRAINT uq_yj_ledger_sequence UNIQUE (installation_id, sequence)
);
IF object_id('yj_incident') IS NULL
CREATE TABLE yj_incident (
    installation_id nvarchar(40) NOT NULL,
    incident_no     integer     NOT NULL,
    epoch           integer     NOT NULL,
    opened_at       datetimeoffset NOT NULL,
    closed_at       datetimeoffset,
    CONSTRAINT pk_yj_incident PRIMARY KEY (installation_id, incident_no)
);
