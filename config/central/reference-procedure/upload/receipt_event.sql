-- Void receipt numbers go to PJ_ZF; after a paper jam (reissue) the charge carries the new number.

-- P_JK_SH takes our identity before anything else, refuses it twice, and gives the key.
-- step take
-- code 0 ok, 1 repeated, 5 busy, else key_table
-- returns code, central_key
CALL p_jk_sh(CAST(:yj_id AS varchar), 'receipt_event', 'PJ_ZF', NULL, NULL);

-- step unused
-- each numbers
-- when kind = void
-- expect 1 else receipt_no_used
SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM sf_zb
    WHERE fphm = CAST(:receipt_no AS varchar(20)) AND tfxh IS NULL
      AND sfxh <> coalesce(CAST(:charge_key AS integer), 0));

-- step void
-- each numbers
-- when kind = void
-- expect 1 else not_written
INSERT INTO pj_zf (zfxh, fphm, sfxh, czydm, zfrq, yy, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS integer), CAST(:receipt_no AS varchar(20)), CAST(:charge_key AS integer),
    CAST(:book_operator_code AS varchar(10)), CAST(:occurred_at_char16 AS char(16)),
    left(CAST(:reason AS varchar(200)), 100), '1', CAST(:yj_no AS varchar(30)));

-- step new_number
-- when kind = reissue
-- expect 1 else receipt_no_used
SELECT 1
WHERE NOT EXISTS (SELECT 1 FROM sf_zb WHERE fphm = CAST(:new_receipt_no AS varchar(20)))
  AND NOT EXISTS (SELECT 1 FROM pj_zf WHERE fphm = CAST(:new_receipt_no AS varchar(20)));

-- step renumber
-- when kind = reissue
-- expect 1 else charge_changed
UPDATE sf_zb SET fphm = CAST(:new_receipt_no AS varchar(20))
WHERE sfxh = CAST(:charge_key AS integer) AND fphm = CAST(:receipt_no AS varchar(20));

-- step spoiled
-- when kind = reissue
-- expect 1 else not_written
INSERT INTO pj_zf (zfxh, fphm, xfphm, sfxh, czydm, zfrq, yy, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS integer), CAST(:receipt_no AS varchar(20)), CAST(:new_receipt_no AS varchar(20)),
    CAST(:charge_key AS integer), CAST(:book_operator_code AS varchar(10)), CAST(:occurred_at_char16 AS char(16)),
    left(CAST(:reason AS varchar(200)), 100), '1', CAST(:yj_no AS varchar(30)));
