-- Times are text here: there is no other type for them.
CREATE TABLE yj_ledger (
    yj_id varchar(40) PRIMARY KEY, entity varchar(30) NOT NULL, incident_no integer NOT NULL,
    installation_id varchar(40) NOT NULL, sequence bigint NOT NULL, payload_hash varchar(64) NOT NULL,
    central_key varchar(40), amount decimal(14, 2) NOT NULL, operator_code varchar(20), receipt_no varchar(40),
    yj_no varchar(30), business_date date, applied_at varchar(40) NOT NULL,
    UNIQUE (installation_id, sequence));
CREATE TABLE yj_incident (
    installation_id varchar(40), incident_no integer, epoch integer NOT NULL, opened_at varchar(40) NOT NULL,
    closed_at varchar(40), PRIMARY KEY (installation_id, incident_no));
