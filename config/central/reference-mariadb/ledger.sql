-- The only tables of ours in the centre. The ledger row of a document is inserted first, in the transaction of its business
-- rows; the two unique constraints are what makes the return exactly-once.
CREATE TABLE IF NOT EXISTS yj_ledger (
    yj_id           varchar(40)    NOT NULL PRIMARY KEY,
    entity          varchar(30)    NOT NULL,
    incident_no     integer        NOT NULL,
    installation_id varchar(40)    NOT NULL,
    sequence        bigint         NOT NULL,
    payload_hash    varchar(64)    NOT NULL,
    central_key     varchar(40),
    amount          decimal(14, 2) NOT NULL DEFAULT 0,
    operator_code   varchar(20),
    receipt_no      varchar(40),
    yj_no           varchar(30),
    business_date   date,
    applied_at      varchar(40)    NOT NULL,
    CONSTRAINT uq_yj_ledger_sequence UNIQUE (installation_id, sequence)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS yj_incident (
    installation_id varchar(40) NOT NULL,
    incident_no     integer     NOT NULL,
    epoch           integer     NOT NULL,
    opened_at       varchar(40) NOT NULL,
    closed_at       varchar(40),
    CONSTRAINT pk_yj_incident PRIMARY KEY (installation_id, incident_no)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
