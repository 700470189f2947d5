// One query for each kind of catalog object: `key` names the object in words that mean the same in any database
// (no OIDs), `facts` holds all that the server knows of it. $1: the schemas; $2: the tables, sequences and types to be
// looked at, NULL for all. Written for PostgreSQL 14 to 18.
// Under an empty search path the server itself qualifies every name that it deparses.

/** Not the work of a migration but of an extension, which is listed by name and version. */
const own = (catalog: string, alias: string) =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${alias}.oid AND e.deptype = 'e')`;

/** Most have none, and a query for each column of each table is a third of the work. */
const acl = (column: string) =>
  `CASE WHEN ${column} IS NOT NULL THEN (SELECT jsonb_agg(a::text ORDER BY a::text) FROM unnest(${column}) a) END`;

/** Leaves out what belongs to another table, sequence or type than those that are asked for. */
const among = (name: string) => `($2::text[] IS NULL OR ${name} = ANY($2))`;

/** A catalog row as it is, but for what differs between two databases by nature. */
const row = (alias: string, ...without: string[]) =>
  `to_jsonb(${alias}) - ARRAY[${["oid", ...without].map((name) => `'${name}'`).join(", ")}]`;

const columns = `
  SELECT jsonb_agg(jsonb_build_object(
    'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
    'default', pg_get_expr(d.adbin, d.adrelid), 'generated', a.attgenerated, 'identity', a.attidentity,
    'storage', a.attstorage, 'compression', a.attcompression, 'statistics', a.attstattarget,
    'collation', a.attcollation::regcollation::text, 'options', a.attoptions, 'fdwOptions', a.attfdwoptions,
    'local', a.attislocal, 'inherited', a.attinhcount, 'acl', ${acl("a.attacl")},
    'comment', col_description(c.oid, a.attnum)) ORDER BY a.attnum)
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`;

export const CATALOG_SQL = {
  schemas: `
    SELECT n.nspname AS key, jsonb_build_object(
      'owner', n.nspowner::regrole::text, 'acl', ${acl("n.nspacl")}, 'comment', obj_description(n.oid, 'pg_namespace')) AS facts
    FROM pg_namespace n WHERE n.nspname = ANY($1)`,

  relations: `
    SELECT c.oid::regclass::text AS key, jsonb_build_object(
      'kind', c.relkind, 'persistence', c.relpersistence, 'accessMethod', m.amname, 'tablespace', s.spcname,
      'options', c.reloptions, 'replicaIdentity', c.relreplident, 'rowSecurity', c.relrowsecurity,
      'forceRowSecurity', c.relforcerowsecurity, 'populated', c.relispopulated, 'ofType', nullif(c.reloftype, 0)::regtype::text,
      'view', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
      'partitionKey', pg_get_partkeydef(c.oid), 'partitionBound', pg_get_expr(c.relpartbound, c.oid),
      'parents', (SELECT jsonb_agg(i.inhparent::regclass::text ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
      'foreignTable', (SELECT jsonb_build_object('server', f.srvname, 'options', t.ftoptions)
        FROM pg_foreign_table t JOIN pg_foreign_server f ON f.oid = t.ftserver WHERE t.ftrelid = c.oid),
      'columns', (${columns}),
      'owner', c.relowner::regrole::text, 'acl', ${acl("c.relacl")}, 'comment', obj_description(c.oid, 'pg_class')) AS facts
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_am m ON m.oid = c.relam LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
    WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'v', 'm', 'f', 'p', 'c') AND ${own("pg_class", "c")}
      AND ${among("c.relname")}`,

  indexes: `
    SELECT i.indexrelid::regclass::text AS key, jsonb_build_object(
      'definition', pg_get_indexdef(i.indexrelid), 'unique', i.indisunique, 'primary', i.indisprimary,
      'immediate', i.indimmediate, 'clustered', i.indisclustered, 'replicaIdentity', i.indisreplident,
      'valid', i.indisvalid, 'ready', i.indisready, 'live', i.indislive,
      'parent', (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid),
      'statistics', (SELECT jsonb_agg(a.attstattarget ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid),
      'tablespace', s.spcname, 'comment', obj_description(c.oid, 'pg_class')) AS facts
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class t ON t.oid = i.indrelid LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
    WHERE n.nspname = ANY($1) AND ${own("pg_class", "c")} AND ${among("t.relname")}`,

  constraints: `
    SELECT coalesce(nullif(k.conrelid, 0)::regclass::text, nullif(k.contypid, 0)::regtype::text) || ' ' || k.conname AS key,
      jsonb_build_object(
        'definition', pg_get_constraintdef(k.oid), 'kind', k.contype, 'deferrable', k.condeferrable,
        'deferred', k.condeferred, 'validated', k.convalidated, 'local', k.conislocal, 'inherited', k.coninhcount,
        'noInherit', k.connoinherit, 'index', nullif(k.conindid, 0)::regclass::text,
        'parent', CASE WHEN k.conparentid <> 0 THEN
          (SELECT p.conrelid::regclass::text || ' ' || p.conname FROM pg_constraint p WHERE p.oid = k.conparentid) END,
        'internalTriggers', CASE WHEN k.contype NOT IN ('c', 'n') THEN (SELECT jsonb_agg(jsonb_build_object('function', t.tgfoid::regproc::text, 'on', t.tgrelid::regclass::text, 'enabled', t.tgenabled)
          ORDER BY t.tgrelid::regclass::text, t.tgfoid::regproc::text) FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgisinternal) END,
        'comment', obj_description(k.oid, 'pg_constraint')) AS facts
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
    LEFT JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_type t ON t.oid = k.contypid
    WHERE n.nspname = ANY($1) AND k.contype <> 't' AND ${among("coalesce(c.relname, t.typname)")}`,

  sequences: `
    SELECT c.oid::regclass::text AS key, jsonb_build_object(
      'type', q.seqtypid::regtype::text, 'start', q.seqstart, 'increment', q.seqincrement, 'min', q.seqmin, 'max', q.seqmax,
      'cache', q.seqcache, 'cycle', q.seqcycle, 'persistence', c.relpersistence,
      'ownedBy', (SELECT jsonb_build_object('column', d.refobjid::regclass::text || '.' || a.attname, 'dependency', d.deptype)
        FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')),
      'owner', c.relowner::regrole::text, 'acl', ${acl("c.relacl")}, 'comment', obj_description(c.oid, 'pg_class')) AS facts
    FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY($1) AND ${own("pg_class", "c")} AND ${among("c.relname")}`,

  types: `
    SELECT t.oid::regtype::text AS key, jsonb_build_object(
      'kind', t.typtype,
      'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
      'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, 'notNull', t.typnotnull,
      'default', t.typdefault, 'collation', t.typcollation::regcollation::text,
      'input', CASE WHEN t.typtype = 'b' THEN t.typinput::regproc::text END,
      'range', (SELECT jsonb_build_object('subtype', r.rngsubtype::regtype::text, 'multirange', r.rngmultitypid::regtype::text,
          'collation', r.rngcollation::regcollation::text, 'canonical', r.rngcanonical::text, 'difference', r.rngsubdiff::text)
        FROM pg_range r WHERE r.rngtypid = t.oid),
      'owner', t.typowner::regrole::text, 'acl', ${acl("t.typacl")}, 'comment', obj_description(t.oid, 'pg_type')) AS facts
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname = ANY($1) AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c') AND ${own("pg_type", "t")}
      AND ${among("t.typname")}`,

  functions: `
    SELECT p.oid::regprocedure::text AS key, jsonb_build_object(
      'kind', p.prokind, 'definition', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
      'result', pg_get_function_result(p.oid), 'arguments', pg_get_function_arguments(p.oid),
      'aggregate', (SELECT to_jsonb(g) - 'aggfnoid' - 'aggtranstype' - 'aggmtranstype' - 'aggsortop'
        || jsonb_build_object('state', g.aggtranstype::regtype::text, 'movingState', nullif(g.aggmtranstype, 0)::regtype::text,
          'sort', g.aggsortop::regoperator::text) FROM pg_aggregate g WHERE g.aggfnoid = p.oid),
      'owner', p.proowner::regrole::text, 'acl', ${acl("p.proacl")}, 'comment', obj_description(p.oid, 'pg_proc')) AS facts
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = ANY($1) AND ${own("pg_proc", "p")}`,

  triggers: `
    SELECT t.tgrelid::regclass::text || ' ' || t.tgname AS key, jsonb_build_object(
      'definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled,
      'parent', (SELECT p.tgrelid::regclass::text || ' ' || p.tgname FROM pg_trigger p WHERE p.oid = t.tgparentid),
      'comment', obj_description(t.oid, 'pg_trigger')) AS facts
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY($1) AND NOT t.tgisinternal AND ${among("c.relname")}`,

  rules: `
    SELECT r.ev_class::regclass::text || ' ' || r.rulename AS key, jsonb_build_object(
      'definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled, 'comment', obj_description(r.oid, 'pg_rewrite')) AS facts
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY($1) AND r.rulename <> '_RETURN' AND ${among("c.relname")}`,

  policies: `
    SELECT p.polrelid::regclass::text || ' ' || p.polname AS key, jsonb_build_object(
      'command', p.polcmd, 'permissive', p.polpermissive,
      'roles', (SELECT jsonb_agg(coalesce(r.rolname, 'public') ORDER BY r.rolname) FROM unnest(p.polroles) o LEFT JOIN pg_roles r ON r.oid = o),
      'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
      'comment', obj_description(p.oid, 'pg_policy')) AS facts
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY($1) AND ${among("c.relname")}`,

  statistics: `
    SELECT quote_ident(n.nspname) || '.' || quote_ident(s.stxname) AS key, jsonb_build_object(
      'definition', pg_get_statisticsobjdef(s.oid), 'target', s.stxstattarget, 'comment', obj_description(s.oid, 'pg_statistic_ext')) AS facts
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE n.nspname = ANY($1)`,

  operators: `
    SELECT o.oid::regoperator::text AS key, jsonb_build_object(
      'function', o.oprcode::text, 'result', o.oprresult::regtype::text, 'commutator', o.oprcom::regoperator::text,
      'negator', o.oprnegate::regoperator::text, 'restrict', o.oprrest::text, 'join', o.oprjoin::text,
      'merges', o.oprcanmerge, 'hashes', o.oprcanhash, 'comment', obj_description(o.oid, 'pg_operator')) AS facts
    FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
    WHERE n.nspname = ANY($1) AND ${own("pg_operator", "o")}`,

  operatorClasses: `
    SELECT quote_ident(n.nspname) || '.' || quote_ident(o.opcname) || ' ' || m.amname AS key, jsonb_build_object(
      'type', o.opcintype::regtype::text, 'default', o.opcdefault, 'keyType', nullif(o.opckeytype, 0)::regtype::text, 'family', f.opfname,
      'operators', (SELECT jsonb_agg(x.amopstrategy || ' ' || x.amopopr::regoperator::text ORDER BY x.amopstrategy, x.amopopr::regoperator::text)
        FROM pg_amop x WHERE x.amopfamily = f.oid),
      'functions', (SELECT jsonb_agg(x.amprocnum || ' ' || x.amproc::regprocedure::text ORDER BY x.amprocnum, x.amproc::regprocedure::text)
        FROM pg_amproc x WHERE x.amprocfamily = f.oid)) AS facts
    FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am m ON m.oid = o.opcmethod
    JOIN pg_opfamily f ON f.oid = o.opcfamily WHERE n.nspname = ANY($1) AND ${own("pg_opclass", "o")}`,

  collations: `
    SELECT c.oid::regcollation::text AS key,
      ${row("c", "collnamespace", "collowner")} || jsonb_build_object('comment', obj_description(c.oid, 'pg_collation')) AS facts
    FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE n.nspname = ANY($1)`,

  textSearch: `
    SELECT 'configuration ' || c.oid::regconfig::text AS key, jsonb_build_object('parser', p.prsname,
      'map', (SELECT jsonb_agg(m.maptokentype || ' ' || m.mapdict::regdictionary::text ORDER BY m.maptokentype, m.mapseqno)
        FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)) AS facts
    FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace JOIN pg_ts_parser p ON p.oid = c.cfgparser
    WHERE n.nspname = ANY($1)
    UNION ALL
    SELECT 'dictionary ' || d.oid::regdictionary::text, jsonb_build_object('template', t.tmplname, 'options', d.dictinitoption)
    FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace JOIN pg_ts_template t ON t.oid = d.dicttemplate
    WHERE n.nspname = ANY($1) AND ${own("pg_ts_dict", "d")}`,

  // What follows belongs to no schema; all of it is read.
  casts: `
    SELECT c.castsource::regtype::text || ' as ' || c.casttarget::regtype::text AS key, jsonb_build_object(
      'function', nullif(c.castfunc, 0)::regprocedure::text, 'context', c.castcontext, 'method', c.castmethod) AS facts
    FROM pg_cast c WHERE c.oid >= 16384 AND $1::text[] IS NOT NULL AND ${own("pg_cast", "c")}`,

  extensions: `
    SELECT e.extname AS key, jsonb_build_object('version', e.extversion, 'schema', e.extnamespace::regnamespace::text,
      'comment', obj_description(e.oid, 'pg_extension')) AS facts
    FROM pg_extension e WHERE $1::text[] IS NOT NULL`,

  eventTriggers: `
    SELECT t.evtname AS key, jsonb_build_object('event', t.evtevent, 'function', t.evtfoid::regproc::text, 'enabled', t.evtenabled,
      'tags', t.evttags) AS facts
    FROM pg_event_trigger t WHERE $1::text[] IS NOT NULL`,

  publications: `
    SELECT p.pubname AS key, ${row("p", "pubowner")} || jsonb_build_object('tables',
      (SELECT jsonb_agg(to_jsonb(t) - 'pubname' ORDER BY t.schemaname, t.tablename) FROM pg_publication_tables t WHERE t.pubname = p.pubname)) AS facts
    FROM pg_publication p WHERE $1::text[] IS NOT NULL`,

  foreignServers: `
    SELECT s.srvname AS key, jsonb_build_object('wrapper', w.fdwname, 'type', s.srvtype, 'version', s.srvversion, 'options', s.srvoptions,
      'acl', ${acl("s.srvacl")}) AS facts
    FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw WHERE $1::text[] IS NOT NULL`,

  defaultPrivileges: `
    SELECT concat_ws(' ', d.defaclrole::regrole, nullif(d.defaclnamespace, 0)::regnamespace, d.defaclobjtype) AS key,
      jsonb_build_object('acl', ${acl("d.defaclacl")}) AS facts
    FROM pg_default_acl d WHERE $1::text[] IS NOT NULL`,
} as const;
