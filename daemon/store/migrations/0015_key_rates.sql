-- How often one key may call, where that is not what its role allows: a program that passes the questions of many on.

ALTER TABLE keys ADD COLUMN rate_limit INTEGER CHECK (rate_limit BETWEEN 1 AND 1000);  -- calls a second; NULL: its role's
