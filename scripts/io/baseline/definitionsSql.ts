// One query for each kind of object that a schema can hold, with the statements that make and drop it. $1: the schema,
// which is the search path, so that the server leaves it away from names. Written for PostgreSQL 14 to 18.

const NOT_OF_EXTENSION = (catalog: string, oid: string) =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;

const id = (catalog: string, oid: string) => `'${catalog} ' || ${oid}`;

const SEQUENCE_OPTIONS = `concat_ws(' ', 'INCREMENT BY', q.seqincrement, 'MINVALUE', q.seqmin, 'MAXVALUE', q.seqmax,
  'START WITH', q.seqstart, 'CACHE', q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' END)`;

/** A column as CREATE TABLE writes it, without its default. */
const COLUMN = `concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
  CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END,
  CASE a.attgenerated WHEN 's' THEN 'GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') STORED'
                      WHEN 'v' THEN 'GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') VIRTUAL' END,
  CASE WHEN a.attidentity <> '' THEN (SELECT 'GENERATED ' || CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END
    || ' AS IDENTITY (SEQUENCE NAME ' || s.oid::regclass || ' ' || ${SEQUENCE_OPTIONS} || ')'
    FROM pg_depend i JOIN pg_class s ON s.oid = i.objid AND s.relkind = 'S' JOIN pg_sequence q ON q.seqrelid = s.oid
    WHERE i.classid = 'pg_class'::regclass AND i.refclassid = 'pg_class'::regclass AND i.refobjid = c.oid
      AND i.refobjsubid = a.attnum AND i.deptype = 'i') END,
  CASE WHEN a.attnotnull THEN coalesce((SELECT 'CONSTRAINT ' || quote_ident(k.conname) || ' ' FROM pg_constraint k
    WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
      AND k.conname <> c.relname || '_' || a.attname || '_not_null'), '') || 'NOT NULL' END)`;

const COLUMNS = `pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`;

/** What CREATE TABLE cannot say of a table and its columns. */
const TABLE_EXTRAS = `
  array_remove(ARRAY[
    CASE WHEN c.relrowsecurity THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', c.oid::regclass) END,
    CASE WHEN c.relforcerowsecurity THEN format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', c.oid::regclass) END,
    CASE c.relreplident WHEN 'f' THEN format('ALTER TABLE %s REPLICA IDENTITY FULL', c.oid::regclass)
                        WHEN 'n' THEN format('ALTER TABLE %s REPLICA IDENTITY NOTHING', c.oid::regclass) END], NULL)
  || coalesce((SELECT array_agg(format('ALTER TABLE %s ALTER COLUMN %I %s', c.oid::regclass, a.attname, e.change) ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid CROSS JOIN LATERAL (VALUES
      (CASE WHEN a.attstorage <> t.typstorage THEN 'SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'x' THEN 'EXTENDED' ELSE 'MAIN' END END),
      (CASE a.attcompression WHEN 'p' THEN 'SET COMPRESSION pglz' WHEN 'l' THEN 'SET COMPRESSION lz4' END),
      (CASE WHEN coalesce(a.attstattarget, -1) >= 0 THEN 'SET STATISTICS ' || a.attstattarget END),
      (CASE WHEN a.attoptions IS NOT NULL THEN 'SET (' || array_to_string(a.attoptions, ', ') || ')' END)) e (change)
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND e.change IS NOT NULL), '{}')`;

const OPTIONS = `CASE WHEN c.reloptions IS NOT NULL THEN 'WITH (' || array_to_string(c.reloptions, ', ') || ')' END`;

/** Columns: id, phase, age, aliases, create, drop. */
export const DEFINITION_SQL: readonly string[] = [
  // Enums, domains, ranges.
  `SELECT ${id("pg_type", "t.oid")}, 0, t.oid::bigint,
     ARRAY(SELECT ${id("pg_type", "x.oid")} FROM pg_type x WHERE x.oid IN (t.typarray, (SELECT rngmultitypid FROM pg_range WHERE rngtypid = t.oid))),
     ARRAY[CASE t.typtype
       WHEN 'e' THEN format('CREATE TYPE %s AS ENUM (%s)', t.oid::regtype,
         (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
       WHEN 'd' THEN concat_ws(' ', 'CREATE DOMAIN', t.oid::regtype, 'AS', format_type(t.typbasetype, t.typtypmod),
         CASE WHEN t.typcollation <> b.typcollation THEN 'COLLATE ' || t.typcollation::regcollation END,
         'DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN 'NOT NULL' END)
       ELSE (SELECT format('CREATE TYPE %s AS RANGE (%s)', t.oid::regtype, concat_ws(', ', 'SUBTYPE = ' || r.rngsubtype::regtype,
           'MULTIRANGE_TYPE_NAME = ' || r.rngmultitypid::regtype,
           CASE WHEN r.rngcollation <> 0 THEN 'COLLATION = ' || r.rngcollation::regcollation END,
           'CANONICAL = ' || nullif(r.rngcanonical, 0)::regproc, 'SUBTYPE_DIFF = ' || nullif(r.rngsubdiff, 0)::regproc)) FROM pg_range r WHERE r.rngtypid = t.oid) END],
     ARRAY[format('DROP %s %s', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.oid::regtype)]
   FROM pg_type t LEFT JOIN pg_type b ON b.oid = t.typbasetype
   WHERE t.typnamespace = to_regnamespace(quote_ident($1)) AND t.typtype IN ('e', 'd', 'r') AND ${NOT_OF_EXTENSION("pg_type", "t.oid")}`,

  // Composite types.
  `SELECT ${id("pg_class", "c.oid")}, 0, c.reltype::bigint,
     ARRAY[${id("pg_type", "c.reltype")}, ${id("pg_type", "r.typarray")}],
     ARRAY[format('CREATE TYPE %s AS (%s)', c.oid::regclass,
       (SELECT string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
          CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END), ', ' ORDER BY a.attnum) FROM ${COLUMNS}))],
     ARRAY[format('DROP TYPE %s', c.oid::regclass)]
   FROM pg_class c JOIN pg_type r ON r.oid = c.reltype
   WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind = 'c' AND ${NOT_OF_EXTENSION("pg_class", "c.oid")}`,

  // Functions and procedures, but for the constructors of ranges. The server always names their schema.
  `SELECT ${id("pg_proc", "p.oid")}, 1, p.oid::bigint, ARRAY[]::text[],
     ARRAY[overlay(f.definition PLACING '' FROM position(quote_ident($1) || '.' IN f.definition) FOR length(quote_ident($1)) + 1)],
     ARRAY[format('DROP %s %s', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::regprocedure)]
   FROM pg_proc p CROSS JOIN LATERAL (SELECT pg_get_functiondef(p.oid) AS definition) f
   WHERE p.pronamespace = to_regnamespace(quote_ident($1)) AND p.prokind <> 'a' AND ${NOT_OF_EXTENSION("pg_proc", "p.oid")}
     AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.deptype = 'i')`,

  // Tables. A partition or child that was made as such is made as such again.
  `SELECT ${id("pg_class", "c.oid")}, 2, c.oid::bigint,
     ARRAY[${id("pg_type", "c.reltype")}, ${id("pg_type", "r.typarray")}]
       || ARRAY(SELECT ${id("pg_attrdef", "d.oid")} FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = c.oid AND a.attgenerated <> '')
       || ARRAY(SELECT ${id("pg_class", "i.objid")} FROM pg_depend i JOIN pg_class s ON s.oid = i.objid AND s.relkind = 'S'
                WHERE i.classid = 'pg_class'::regclass AND i.refclassid = 'pg_class'::regclass AND i.refobjid = c.oid AND i.deptype = 'i'),
     ARRAY[concat_ws(' ', 'CREATE', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END, 'TABLE', c.oid::regclass,
       CASE WHEN c.relispartition AND k.inherits THEN 'PARTITION OF ' || k.parents || ' ' || pg_get_expr(c.relpartbound, c.oid)
       ELSE E'(\\n  ' || coalesce((SELECT string_agg(${COLUMN}, E',\\n  ' ORDER BY a.attnum) FROM ${COLUMNS} AND (a.attislocal OR NOT k.inherits)), '') || E'\\n)'
         || CASE WHEN NOT c.relispartition AND k.inherits THEN ' INHERITS (' || k.parents || ')' ELSE '' END END,
       'PARTITION BY ' || pg_get_partkeydef(c.oid), ${OPTIONS})]
       || CASE WHEN c.relispartition AND NOT k.inherits THEN ARRAY[format('ALTER TABLE %s ATTACH PARTITION %s %s', k.parents, c.oid::regclass, pg_get_expr(c.relpartbound, c.oid))] ELSE '{}' END
       || ${TABLE_EXTRAS},
     ARRAY[format('DROP TABLE %s', c.oid::regclass)]
   FROM pg_class c JOIN pg_type r ON r.oid = c.reltype CROSS JOIN LATERAL (
     SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) AS parents,
            count(*) > 0 AND (NOT c.relispartition OR NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attislocal)) AS inherits
       FROM pg_inherits i WHERE i.inhrelid = c.oid) k
   WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind IN ('r', 'p') AND c.relname <> '_prisma_migrations' AND c.reloftype = 0
     AND ${NOT_OF_EXTENSION("pg_class", "c.oid")}`,

  // Sequences, but for those of identity columns.
  `SELECT ${id("pg_class", "c.oid")}, 3, c.oid::bigint, ARRAY[]::text[],
     ARRAY[concat_ws(' ', 'CREATE', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END, 'SEQUENCE', c.oid::regclass, 'AS', q.seqtypid::regtype, ${SEQUENCE_OPTIONS},
       (SELECT format('OWNED BY %s.%I', d.refobjid::regclass, a.attname) FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'))],
     CASE WHEN EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a')
       THEN ARRAY[]::text[] ELSE ARRAY[format('DROP SEQUENCE %s', c.oid::regclass)] END
   FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid
   WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND ${NOT_OF_EXTENSION("pg_class", "c.oid")}
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')`,

  // Defaults.
  `SELECT ${id("pg_attrdef", "d.oid")}, 4, d.oid::bigint, ARRAY[]::text[],
     ARRAY[format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', c.oid::regclass, a.attname, pg_get_expr(d.adbin, d.adrelid))],
     ARRAY[format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', c.oid::regclass, a.attname)]
   FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
   WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relname <> '_prisma_migrations' AND c.relkind IN ('r', 'p', 'v') AND a.attgenerated = ''
     AND ${NOT_OF_EXTENSION("pg_class", "c.oid")}`,

  // Constraints of tables and domains.
  `SELECT ${id("pg_constraint", "k.oid")}, CASE k.contype WHEN 'p' THEN 5 WHEN 'u' THEN 5 WHEN 'f' THEN 9 ELSE 6 END, k.oid::bigint,
     CASE WHEN k.contype IN ('p', 'u', 'x') THEN ARRAY[${id("pg_class", "k.conindid")}] ELSE ARRAY[]::text[] END,
     ARRAY[format('ALTER %s ADD CONSTRAINT %I %s', o.name, k.conname, pg_get_constraintdef(k.oid, true))],
     ARRAY[format('ALTER %s DROP CONSTRAINT %I', o.name, k.conname)]
   FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid CROSS JOIN LATERAL (
     SELECT CASE WHEN k.contypid <> 0 THEN 'DOMAIN ' || k.contypid::regtype ELSE 'TABLE ' || k.conrelid::regclass END AS name) o
   WHERE k.connamespace = to_regnamespace(quote_ident($1)) AND k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conislocal AND k.conparentid = 0
     AND c.relname IS DISTINCT FROM '_prisma_migrations' AND (c.oid IS NULL OR ${NOT_OF_EXTENSION("pg_class", "c.oid")})
     AND (k.contypid = 0 OR ${NOT_OF_EXTENSION("pg_type", "k.contypid")})`,

  // Indexes that no constraint and no parent brings.
  `SELECT ${id("pg_class", "c.oid")}, 7, c.oid::bigint, ARRAY[]::text[],
     ARRAY[CASE c.relkind WHEN 'I' THEN regexp_replace(pg_get_indexdef(c.oid, 0, true), ' ON ONLY ', ' ON ') ELSE pg_get_indexdef(c.oid, 0, true) END]
       || CASE WHEN i.indisclustered THEN ARRAY[format('ALTER TABLE %s CLUSTER ON %s', i.indrelid::regclass, c.oid::regclass)] ELSE '{}' END
       || CASE WHEN i.indisreplident THEN ARRAY[format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %s', i.indrelid::regclass, c.oid::regclass)] ELSE '{}' END,
     ARRAY[format('DROP INDEX %s', c.oid::regclass)]
   FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
   WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND t.relname <> '_prisma_migrations' AND ${NOT_OF_EXTENSION("pg_class", "c.oid")}
     AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
     AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid)`,

  // Views.
  `SELECT ${id("pg_class", "c.oid")}, 8, c.oid::bigint,
     ARRAY[${id("pg_type", "c.reltype")}, ${id("pg_type", "r.typarray")}] || ARRAY(SELECT ${id("pg_rewrite", "w.oid")} FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename = '_RETURN'),
     ARRAY[concat_ws(' ', 'CREATE', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED' END, 'VIEW', c.oid::regclass,
       '(' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) || ')', ${OPTIONS}, E'AS\\n')
       || rtrim(pg_get_viewdef(c.oid, true), ';') || CASE WHEN c.relispopulated THEN '' ELSE E'\\nWITH NO DATA' END],
     ARRAY[format('DROP %s %s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, c.oid::regclass)]
   FROM pg_class c JOIN pg_type r ON r.oid = c.reltype
   WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind IN ('v', 'm') AND ${NOT_OF_EXTENSION("pg_class", "c.oid")}`,

  // Triggers.
  `SELECT ${id("pg_trigger", "t.oid")}, 10, t.oid::bigint, ARRAY[]::text[],
     ARRAY[pg_get_triggerdef(t.oid, true)] || CASE t.tgenabled
       WHEN 'O' THEN '{}' ELSE ARRAY[format('ALTER TABLE %s %s TRIGGER %I', c.oid::regclass, CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, t.tgname)] END,
     ARRAY[format('DROP TRIGGER %I ON %s', t.tgname, c.oid::regclass)]
   FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
   WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relname <> '_prisma_migrations' AND NOT t.tgisinternal AND t.tgparentid = 0`,

  // Rules.
  `SELECT ${id("pg_rewrite", "r.oid")}, 10, r.oid::bigint, ARRAY[]::text[], ARRAY[pg_get_ruledef(r.oid, true)],
     ARRAY[format('DROP RULE %I ON %s', r.rulename, c.oid::regclass)]
   FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
   WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relname <> '_prisma_migrations' AND r.rulename <> '_RETURN'`,

  // Policies.
  `SELECT ${id("pg_policy", "p.oid")}, 10, p.oid::bigint, ARRAY[]::text[],
     ARRAY[concat_ws(' ', 'CREATE POLICY', quote_ident(p.polname), 'ON', c.oid::regclass, 'AS', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
       'FOR', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
       'TO', (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE o::regrole::text END, ', ') FROM unnest(p.polroles) o),
       'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', 'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')],
     ARRAY[format('DROP POLICY %I ON %s', p.polname, c.oid::regclass)]
   FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
   WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relname <> '_prisma_migrations'`,

  // Statistics. The server always names their schema.
  `SELECT ${id("pg_statistic_ext", "s.oid")}, 10, s.oid::bigint, ARRAY[]::text[],
     ARRAY[overlay(f.definition PLACING '' FROM position(quote_ident($1) || '.' IN f.definition) FOR length(quote_ident($1)) + 1)]
       || CASE WHEN coalesce(s.stxstattarget, -1) >= 0 THEN ARRAY[format('ALTER STATISTICS %I SET STATISTICS %s', s.stxname, s.stxstattarget)] ELSE '{}' END,
     ARRAY[format('DROP STATISTICS %I', s.stxname)]
   FROM pg_statistic_ext s CROSS JOIN LATERAL (SELECT pg_get_statisticsobjdef(s.oid) AS definition) f
   WHERE s.stxnamespace = to_regnamespace(quote_ident($1))`,

  // Comments.
  `SELECT concat('pg_description ', d.classoid::regclass, ' ', d.objoid, ' ', d.objsubid), 11, d.objoid::bigint, ARRAY[]::text[],
     ARRAY[format('COMMENT ON %s %s IS %L', CASE i.type WHEN 'table column' THEN 'COLUMN' WHEN 'view column' THEN 'COLUMN' WHEN 'materialized view column' THEN 'COLUMN'
         WHEN 'composite type column' THEN 'COLUMN' WHEN 'composite type' THEN 'TYPE' WHEN 'table constraint' THEN 'CONSTRAINT' WHEN 'domain constraint' THEN 'CONSTRAINT'
         WHEN 'statistics object' THEN 'STATISTICS' ELSE upper(i.type) END,
       CASE i.type WHEN 'domain constraint' THEN replace(n.name, ' on ', ' ON DOMAIN ') ELSE n.name END, d.description)],
     ARRAY[]::text[]
   FROM pg_description d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
     CROSS JOIN LATERAL (SELECT replace(i.identity, quote_ident($1) || '.', '') AS name) n
   WHERE d.classoid IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_statistic_ext'::regclass, 'pg_rewrite'::regclass)
     AND (i.schema = quote_ident($1) OR i.identity LIKE '% on ' || replace(replace(quote_ident($1), '\\', '\\\\'), '_', '\\_') || '.%')
     AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')`,
];

/** What needs what, by the same ids. */
export const NEEDS_SQL = `
  SELECT DISTINCT d.classid::regclass || ' ' || d.objid AS "from", d.refclassid::regclass || ' ' || d.refobjid AS "to"
    FROM pg_depend d WHERE d.classid >= 0 AND d.objid >= 16384 AND d.refobjid >= 16384`;

/** The columns of tables: table, column, definition, type, notNull, default, special. */
export const COLUMNS_SQL = `
  SELECT c.oid::regclass::text AS "table", quote_ident(a.attname) AS "column", ${COLUMN} AS definition, format_type(a.atttypid, a.atttypmod) AS type,
         a.attnotnull AS "notNull", CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS "default",
         a.attgenerated <> '' OR a.attidentity <> '' AS special
    FROM pg_class c, ${COLUMNS} AND c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind IN ('r', 'p')
     AND c.relname <> '_prisma_migrations' AND (a.attislocal OR a.attinhcount = 0)
   ORDER BY c.oid, a.attnum`;
