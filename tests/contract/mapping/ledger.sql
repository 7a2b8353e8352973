-- Two tables, several statements in one file.
CREATE TABLE yj_ledger (
    yj_id varchar(40) PRIMARY KEY, entity varchar(30) NOT NULL, incident_no integer NOT NULL,
    installation_id varchar(40) NOT NULL, sequence bigint NOT NULL, payload_hash varchar(64) NOT NULL,
    central_key varchar(40), amount numeric(14, 2) NOT NULL, operator_code varchar(20), receipt_no varchar(40),
    yj_no varchar(30), business_date date, applied_at timestamp with time zone NOT NULL,
    UNIQUE (installation_id, sequence));
CREATE TABLE yj_incident (
    installation_id varchar(40), incident_no integer, epoch integer NOT NULL, opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone, PRIMARY KEY (installation_id, incident_no));
