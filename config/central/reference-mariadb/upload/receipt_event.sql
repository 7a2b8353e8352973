-- Void receipt numbers go to PJ_ZF; after a paper jam (reissue) the charge carries the new number.
-- step key
-- expect 1 else key_table
UPDATE gy_xh SET dqz = dqz + 1 WHERE bm = 'PJ_ZF';

-- step key_taken
-- expect 1 else key_table
-- returns central_key
SELECT dqz AS central_key FROM gy_xh WHERE bm = 'PJ_ZF';

-- step unused
-- each numbers
-- when kind = void
-- expect 1 else receipt_no_used
SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM sf_zb
    WHERE fphm = :receipt_no AND tfxh IS NULL
      AND sfxh <> coalesce(CAST(:charge_key AS signed), 0));

-- step void
-- each numbers
-- when kind = void
-- expect 1 else not_written
INSERT INTO pj_zf (zfxh, fphm, sfxh, czydm, zfrq, yy, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS signed), :receipt_no, CAST(:charge_key AS signed),
    :book_operator_code, :occurred_at_char16,
    left(:reason, 100), '1', :yj_no);

-- step new_number
-- when kind = reissue
-- expect 1 else receipt_no_used
SELECT 1
WHERE NOT EXISTS (SELECT 1 FROM sf_zb WHERE fphm = :new_receipt_no)
  AND NOT EXISTS (SELECT 1 FROM pj_zf WHERE fphm = :new_receipt_no);

-- step renumber
-- when kind = reissue
-- expect 1 else charge_changed
UPDATE sf_zb SET fphm = :new_receipt_no
WHERE sfxh = CAST(:charge_key AS signed) AND fphm = :receipt_no;

-- step spoiled
-- when kind = reissue
-- expect 1 else not_written
INSERT INTO pj_zf (zfxh, fphm, xfphm, sfxh, czydm, zfrq, yy, yjbz, yjlsh)
VALUES (
    CAST(:central_key AS signed), :receipt_no, :new_receipt_no,
    CAST(:charge_key AS signed), :book_operator_code, :occurred_at_char16,
    left(:reason, 100), '1', :yj_no);
