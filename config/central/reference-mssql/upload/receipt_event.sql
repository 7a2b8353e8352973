-- Void receipt numbers go to PJ_ZF; after a paper jam (reissue) the charge carries the new number.
-- step key
-- expect 1 else key_table
-- returns central_key
UPDATE gy_xh SET dqz = dqz + 1 OUTPUT inserted.dqz AS central_key WHERE bm = 'PJ_ZF';

-- step unused
-- each numbers
-- when kind = void
-- expect 1 else receipt_no_used
SELECT 1 AS found WHERE NOT EXISTS (
    SELECT 1 FROM sf_zb
    WHERE fphm = CAST(:receipt_no AS varchar(20)) AND tfxh IS NULL
      AND sfxh <> coalesce(CAST(:charge_key AS int), 0));

-- step void
-- each numbers
-- when kind = void
-- expect 1 else not_written
INSERT INTO pj_zf (zfxh, fphm, sfxh, czydm, zfrq, yy, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS int), CAST(:receipt_no AS varchar(20)), CAST(:charge_key AS int),
    CAST(:book_operator_code AS varchar(10)), CAST(:occurred_at_char16 AS char(16)),
    left(CAST(:reason AS nvarchar(200)), 100), '1', CAST(:yj_no AS varchar(30)));

-- step new_number
-- when kind = reissue
-- expect 1 else receipt_no_used
SELECT 1 AS found
WHERE NOT EXISTS (SELECT 1 FROM sf_zb WHERE fphm = CAST(:new_receipt_no AS varchar(20)))
  AND NOT EXISTS (SELECT 1 FROM pj_zf WHERE fphm = CAST(:new_receipt_no AS varchar(20)));

-- step renumber
-- when kind = reissue
-- expect 1 else charge_changed
UPDATE sf_zb SET fphm = CAST(:new_receipt_no AS varchar(20))
WHERE sfxh = CAST(:charge_key AS int) AND fphm = CAST(:receipt_no AS varchar(20));

-- step spoiled
-- when kind = reissue
-- expect 1 else not_written
INSERT INTO pj_zf (zfxh, fphm, xfphm, sfxh, czydm, zfrq, yy, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS int), CAST(:receipt_no AS varchar(20)), CAST(:new_receipt_no AS varchar(20)),
    CAST(:charge_key AS int), CAST(:book_operator_code AS varchar(10)), CAST(:occurred_at_char16 AS char(16)),
    left(CAST(:reason AS nvarchar(200)), 100), '1', CAST(:yj_no AS varchar(30)));
