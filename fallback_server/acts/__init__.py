"""What several windows share: patients, visits, prescriptions, orders, charges, refunds, receipts. No Flask here.

Every function takes the open transaction; none commits.
"""
