-- Kanghe, a small community hospital whose system has nothing in common with the reference HIS: names in two columns, prices
-- in a history, a code table for every kind, whole numbers for times (seconds since 1970) and money (fen), keys that count up.
CREATE TABLE c_payer (id integer PRIMARY KEY, code text, title text);
CREATE TABLE c_paper (id integer PRIMARY KEY, code text, title text);
CREATE TABLE c_card (id integer PRIMARY KEY, code text, title text);
CREATE TABLE c_route (id integer PRIMARY KEY, code text, title text, short text);
CREATE TABLE c_rhythm (id integer PRIMARY KEY, code text, title text, per_day integer);
CREATE TABLE c_group (id integer PRIMARY KEY, title text);
CREATE TABLE dept (dept_id integer PRIMARY KEY, title text, role text, floor integer, closed_on integer);
CREATE TABLE employee (employee_id integer PRIMARY KEY, family_name text, given_name text, job text, dept_id integer,
                       rights integer NOT NULL DEFAULT 0, left_on integer);
CREATE TABLE login (login text PRIMARY KEY, employee_id integer NOT NULL, secret text, locked integer NOT NULL DEFAULT 0);
CREATE TABLE login_right (login text NOT NULL, right_name text NOT NULL, PRIMARY KEY (login, right_name));
CREATE TABLE person (person_id integer PRIMARY KEY AUTOINCREMENT, family_name text NOT NULL, given_name text NOT NULL,
                     gender text, born integer, paper_id integer, paper_no text, mobile text, street text,
                     parent_name text, parent_mobile text, payer_id integer, payer_no text, allergies text,
                     archived integer NOT NULL DEFAULT 0, made_at integer NOT NULL, touched_at integer NOT NULL,
                     source text, source_no text);
CREATE TABLE card (tag text PRIMARY KEY, kind_id integer NOT NULL, person_id integer NOT NULL, blocked integer NOT NULL DEFAULT 0);
CREATE TABLE drug (drug_id integer PRIMARY KEY, title text NOT NULL, brand text, pack text, form text, unit text, class integer,
                   maker text, watched integer NOT NULL DEFAULT 0, withdrawn_on integer);
CREATE TABLE service (service_id integer PRIMARY KEY, title text NOT NULL, unit text, group_id integer, dept_id integer,
                      withdrawn_on integer);
CREATE TABLE price (thing text NOT NULL, thing_id integer NOT NULL, fen integer NOT NULL, valid_from integer NOT NULL,
                    valid_to integer, PRIMARY KEY (thing, thing_id, valid_from));
CREATE TABLE stock (dept_id integer NOT NULL, drug_id integer NOT NULL, packs integer NOT NULL, PRIMARY KEY (dept_id, drug_id));
CREATE TABLE visit_kind (kind_id integer PRIMARY KEY, title text, fee_fen integer, consult_fen integer, days integer, off integer);
CREATE TABLE roster (roster_id integer PRIMARY KEY, day integer, part integer, dept_id integer, employee_id integer,
                     kind_id integer, places integer, taken integer NOT NULL DEFAULT 0);
CREATE TABLE icd (code text PRIMARY KEY, title text NOT NULL);
CREATE TABLE paper_roll (roll_id integer PRIMARY KEY, login text NOT NULL, series text NOT NULL, first_no integer NOT NULL,
                         last_no integer NOT NULL, next_no integer NOT NULL);
CREATE TABLE visit (visit_id integer PRIMARY KEY AUTOINCREMENT, person_id integer NOT NULL, dept_id integer NOT NULL,
                    employee_id integer, kind_id integer, roster_id integer, at integer NOT NULL, place integer,
                    state integer NOT NULL DEFAULT 1, last_day integer, login text, source text, source_no text, remark text);
CREATE TABLE script (script_id integer PRIMARY KEY AUTOINCREMENT, visit_id integer, person_id integer NOT NULL, class integer,
                     diagnoses text, dept_id integer, employee_id integer, at integer NOT NULL, fen integer NOT NULL,
                     state integer NOT NULL DEFAULT 10, bill_id integer, source text, source_no text, remark text);
CREATE TABLE script_item (script_id integer NOT NULL, pos integer NOT NULL, drug_id integer, title text, packs integer,
                          fen_each integer, fen integer, dose text, dose_unit text, route_id integer, rhythm_id integer,
                          days integer, PRIMARY KEY (script_id, pos));
CREATE TABLE request (request_id integer PRIMARY KEY AUTOINCREMENT, visit_id integer, person_id integer NOT NULL, dept_id integer,
                      employee_id integer, at integer NOT NULL, fen integer NOT NULL, state integer NOT NULL DEFAULT 10,
                      bill_id integer, source text, source_no text, remark text);
CREATE TABLE request_item (request_id integer NOT NULL, pos integer NOT NULL, service_id integer, title text, times integer,
                           fen_each integer, fen integer, PRIMARY KEY (request_id, pos));
CREATE TABLE bill (bill_id integer PRIMARY KEY AUTOINCREMENT, number text, person_id integer, visit_id integer, login text,
                   at integer NOT NULL, fen integer NOT NULL, reverses integer, why text, source text, source_no text);
CREATE TABLE bill_item (bill_id integer NOT NULL, pos integer NOT NULL, thing text, thing_code text, title text, times integer,
                        fen_each integer, fen integer, group_id integer, of_paper text, PRIMARY KEY (bill_id, pos));
CREATE TABLE bill_pay (bill_id integer NOT NULL, pos integer NOT NULL, way text NOT NULL, fen integer NOT NULL, reference text,
                       PRIMARY KEY (bill_id, pos));
CREATE TABLE spoilt_paper (number text PRIMARY KEY, login text, at integer, why text, bill_id integer, source_no text);
CREATE INDEX ix_person_touched ON person (touched_at);
CREATE INDEX ix_person_made ON person (made_at);
CREATE INDEX ix_person_paper ON person (paper_no);
CREATE INDEX ix_person_source ON person (source_no);
CREATE INDEX ix_visit_at ON visit (at);
CREATE INDEX ix_visit_day ON visit (last_day);
CREATE INDEX ix_visit_source ON visit (source_no);
CREATE INDEX ix_script_at ON script (at);
CREATE INDEX ix_script_source ON script (source_no);
CREATE INDEX ix_request_at ON request (at);
CREATE INDEX ix_request_source ON request (source_no);
CREATE INDEX ix_bill_at ON bill (at);
CREATE UNIQUE INDEX ix_bill_number ON bill (number);
CREATE INDEX ix_bill_reverses ON bill (reverses);
CREATE INDEX ix_bill_source ON bill (source_no);
CREATE INDEX ix_spoilt_source ON spoilt_paper (source_no);

INSERT INTO c_payer VALUES (1, 'SELF', '自费'), (2, 'CITY', '居民医保');
INSERT INTO c_paper VALUES (1, 'ID', '身份证'), (2, 'PASS', '护照');
INSERT INTO c_card VALUES (1, 'HOUSE', '院内卡');
INSERT INTO c_route VALUES (1, 'PO', '口服', 'po'), (2, 'IV', '静滴', 'iv');
INSERT INTO c_rhythm VALUES (1, 'BID', '每日两次', 2), (2, 'TID', '每日三次', 3);
INSERT INTO c_group VALUES (1, '检查'), (2, '化验'), (3, '治疗'), (4, '西药'), (5, '中成药'), (6, '草药'), (7, '挂号'), (8, '诊察'), (9, '其他');
INSERT INTO dept VALUES (10, '全科门诊', 'clinic', 1, NULL), (11, '儿科门诊', 'clinic', 2, NULL), (12, '急诊', 'emergency', 1, NULL),
                        (20, '药房', 'pharmacy', 1, NULL), (30, '化验室', 'lab', 2, NULL), (99, '旧科室', 'clinic', 3, 20200101);
INSERT INTO employee VALUES (501, '欧阳', '明', '主治医师', 10, 3, NULL), (502, '单', '丽', '医师', 11, 1, NULL), (503, '曾', '强', NULL, NULL, 0, NULL),
                            (504, '仇', '敏', NULL, NULL, 0, NULL), (505, '华', '平', '药师', 20, 0, NULL), (506, '解', '放', NULL, NULL, 0, NULL);
INSERT INTO icd VALUES ('J06.9', '急性上呼吸道感染'), ('A09', '腹泻'), ('J20.9', '急性支气管炎');
INSERT INTO drug VALUES (1, '阿莫西林胶囊', '阿莫灵', '0.25g×24', '胶囊', '盒', 1, '华北制药', 0, NULL),
                        (2, '板蓝根颗粒', NULL, '10g×20', '颗粒', '袋', 2, '白云山', 0, NULL), (3, '吗啡片', NULL, '10mg×10', '片', '盒', 1, NULL, 1, NULL),
                        (4, '甘草', NULL, '统', '饮片', 'g', 3, NULL, 0, NULL), (5, '旧药', NULL, '1', '片', '盒', 1, NULL, 0, 20250101);
INSERT INTO service VALUES (1, '血常规', '次', 2, 30, NULL), (2, '雾化吸入', '次', 3, NULL, NULL), (3, '心电图', '次', 1, NULL, NULL);
INSERT INTO price VALUES ('D', 1, 1180, 1600000000, 1700000000), ('D', 1, 1250, 1700000000, NULL), ('D', 2, 990, 1600000000, NULL),
                         ('D', 3, 5000, 1600000000, NULL), ('D', 4, 12, 1600000000, NULL), ('D', 5, 100, 1600000000, NULL),
                         ('S', 1, 2000, 1600000000, NULL), ('S', 2, 1500, 1600000000, 1650000000), ('S', 2, 1600, 1650000000, NULL),
                         ('S', 3, 3000, 1600000000, NULL);
INSERT INTO stock VALUES (20, 1, 300), (20, 2, 120), (20, 4, 9000);
INSERT INTO visit_kind VALUES (1, '普通号', 100, 700, 1, 0), (2, '急诊号', 200, 1500, 1, 0), (3, '停用号', 0, 0, NULL, 1);
