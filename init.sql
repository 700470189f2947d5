-- What every service needs in the shared database before its first migration.
-- Runs whenever the server starts, so every statement must bear being run again.
-- Generated from services/: schemata init-sql --write

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- auth
DO $$ BEGIN CREATE ROLE "auth_owner" NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE "auth_app" NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
GRANT "auth_owner", "auth_app" TO CURRENT_USER;
CREATE SCHEMA IF NOT EXISTS "auth" AUTHORIZATION "auth_owner";
ALTER SCHEMA "auth" OWNER TO "auth_owner";
REVOKE ALL ON SCHEMA "auth" FROM PUBLIC;
GRANT USAGE ON SCHEMA "auth" TO "auth_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "auth_owner" IN SCHEMA "auth" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "auth_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "auth_owner" IN SCHEMA "auth" GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO "auth_app";

-- billing
DO $$ BEGIN CREATE ROLE "billing_owner" NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE "billing_app" NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
GRANT "billing_owner", "billing_app" TO CURRENT_USER;
CREATE SCHEMA IF NOT EXISTS "billing" AUTHORIZATION "billing_owner";
ALTER SCHEMA "billing" OWNER TO "billing_owner";
REVOKE ALL ON SCHEMA "billing" FROM PUBLIC;
GRANT USAGE ON SCHEMA "billing" TO "billing_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "billing_owner" IN SCHEMA "billing" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "billing_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "billing_owner" IN SCHEMA "billing" GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO "billing_app";

-- What was made before the roles were
DO $$
DECLARE
  service record;
  statement text;
BEGIN
  FOR service IN SELECT * FROM (VALUES
    ('auth', 'auth_owner', 'auth_app'),
    ('billing', 'billing_owner', 'billing_app')
  ) AS services (schema, owner, app) LOOP
    -- What is the owner's already was granted what it was to be, and what was taken back since stays so.
    FOR statement IN
      SELECT format('GRANT %s %s TO %I', CASE c.relkind WHEN 'S' THEN 'USAGE, SELECT, UPDATE ON SEQUENCE'
                                                        ELSE 'SELECT, INSERT, UPDATE, DELETE ON TABLE' END, c.oid::regclass, service.app)
        FROM pg_class c
       WHERE c.relnamespace = to_regnamespace(quote_ident(service.schema)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
         AND (c.relacl IS NULL OR c.relowner <> (SELECT oid FROM pg_roles WHERE rolname = service.owner))
    LOOP
      EXECUTE statement;
    END LOOP;
    FOR statement IN
      SELECT format('ALTER %s %s OWNER TO %I', object.kind, object.name, service.owner) FROM (
        SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                              WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind,
               c.oid::regclass::text AS name, c.relowner AS owner, c.relnamespace AS namespace, c.oid, 'pg_class'::regclass AS catalog
          FROM pg_class c
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
            OR c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                                                AND d.objid = c.oid AND d.deptype IN ('a', 'i'))
        UNION ALL
        SELECT 'TYPE', t.oid::regtype::text, t.typowner, t.typnamespace, t.oid, 'pg_type'::regclass
          FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
         WHERE t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c'
        UNION ALL
        SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner, p.pronamespace, p.oid, 'pg_proc'::regclass
          FROM pg_proc p
      ) AS object
       WHERE object.namespace = to_regnamespace(quote_ident(service.schema))
         AND object.owner <> (SELECT oid FROM pg_roles WHERE rolname = service.owner)
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = object.catalog AND d.objid = object.oid AND d.deptype = 'e')
    LOOP
      EXECUTE statement;
    END LOOP;
    IF to_regclass(format('%I.%I', service.schema, '_prisma_migrations')) IS NOT NULL THEN
      EXECUTE format('REVOKE ALL ON %I.%I FROM %I', service.schema, '_prisma_migrations', service.app);
    END IF;
  END LOOP;
END $$;
