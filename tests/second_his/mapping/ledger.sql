CREATE TABLE IF NOT EXISTS yj_ledger (
    yj_id text NOT NULL PRIMARY KEY, entity text NOT NULL, incident_no integer NOT NULL, installation_id text NOT NULL,
    sequence integer NOT NULL, payload_hash text NOT NULL, central_key text, amount numeric NOT NULL DEFAULT 0,
    operator_code text, receipt_no text, yj_no text, business_date text, applied_at text NOT NULL,
    UNIQUE (installation_id, sequence)
);
CREATE TABLE IF NOT EXISTS yj_incident (
    installation_id text NOT NULL, incident_no integer NOT NULL, epoch integer NOT NULL, opened_at text NOT NULL,
    closed_at text, PRIMARY KEY (installation_id, incident_no)
);
