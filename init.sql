-- What every service needs in the shared database before its first migration.
-- Runs whenever the server starts, so every statement must bear being run again.
-- Generated from services/: schemata init-sql --write

-- auth
CREATE SCHEMA IF NOT EXISTS "auth";

-- billing
CREATE SCHEMA IF NOT EXISTS "billing";
