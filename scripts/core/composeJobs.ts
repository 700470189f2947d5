/** A service of docker-compose.yml that migrates a schema, by its name, with the schema that it names. */
export interface ComposeJob {
  name: string;
  schema: string;
}

/** The jobs in a docker-compose.yml that is written in blocks, as this project's is: those that set DB_SCHEMA. */
export function parseComposeJobs(text: string): ComposeJob[] {
  const jobs: ComposeJob[] = [];
  let inServices = false;
  let name: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (/^\S/.test(line) && !line.startsWith("#")) inServices = /^services:\s*(#.*)?$/.test(line);
    if (!inServices) continue;
    const [, key] = /^ {2}("[^"]+"|'[^']+'|[^\s#][^:]*):\s*(?:#.*)?$/.exec(line) ?? [];
    if (key !== undefined) name = unquote(key);
    const [, schema] = /^\s+(?:- )?["']?DB_SCHEMA["']?\s*[:=]\s*(.+?)\s*$/.exec(line) ?? [];
    if (name !== undefined && schema !== undefined) jobs.push({ name, schema: unquote(schema) });
  }
  return jobs;
}

function unquote(text: string): string {
  const [, , inner] = /^(["'])(.*)\1$/.exec(text) ?? [];
  return inner ?? text;
}

/** Where the jobs are not the services, a sentence each. */
export function compareJobs(
  jobs: readonly ComposeJob[],
  services: readonly { name: string; schema: string }[],
): string[] {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const names = new Set(services.map(({ name }) => name));
  return [
    ...services.flatMap(({ name, schema }) => {
      const job = byName.get(name);
      if (!job) return [`there is no job for ${name}`];
      return job.schema === schema
        ? []
        : [`the job ${name} says DB_SCHEMA ${job.schema}, its schema file ${schema}`];
    }),
    ...jobs.filter(({ name }) => !names.has(name)).map(({ name }) => `the job ${name} is for no service`),
  ];
}
