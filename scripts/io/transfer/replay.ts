import { parseDependsOn } from "../../core/dependsOn.ts";
import type { Migration } from "../../core/history.ts";
import type { ServiceFacts } from "../../core/plan.ts";
import type { Service } from "../../core/service.ts";
import { type Half, parseMark, type Transfer } from "../../core/transfer/transfer.ts";
import { readMigrations, readScript } from "../workspace.ts";

/** A migration that is half of a transfer. */
interface Marked {
  name: string;
  half: Half;
  transfer: Transfer;
  /** The arrivals that it names, as `service/migration`. */
  after: string[];
}

function readMarked(service: Service, migrations: readonly Migration[]): Marked[] {
  return migrations.flatMap((migration) => {
    const sql = readScript(service, migration);
    const mark = parseMark(sql);
    if (!mark?.transfer) return [];
    const after = parseDependsOn(sql).map((needed) => `${needed.service}/${needed.migration}`);
    return [{ name: migration.name, half: mark.half, transfer: mark.transfer, after }];
  });
}

/** Adds the schemas that transfers tie to these: what the histories of two services have made, only both can make again. */
export function addPartners(schemas: ReadonlySet<string>, services: readonly Service[]): Set<string> {
  const found = new Set(schemas);
  for (const schema of found) {
    const service = services.find((one) => one.schema === schema && !one.problem);
    for (const { transfer } of service ? readMarked(service, readMigrations(service)) : []) {
      found.add(transfer.from).add(transfer.to);
    }
  }
  return found;
}

/** The schemas of transfers of which one half has been replayed, and the other is still to be. */
export function findTorn(behind: readonly ServiceFacts[], facts: readonly ServiceFacts[]): Set<string> {
  const torn = new Set<string>();
  for (const { service, migrations, ledger } of behind) {
    for (const marked of readMarked(service, migrations.slice(ledger.length))) {
      const partner = partnerOf(service, marked, facts);
      const replayed = partner?.migrations.slice(0, partner.ledger.length) ?? [];
      if (
        partner &&
        readMarked(partner.service, replayed).some((other) =>
          isOther(marked, service, other, partner.service),
        )
      )
        torn.add(service.schema).add(partner.service.schema);
    }
  }
  return torn;
}

/** The facts without the halves of transfers whose other half is left out, and what comes after them. */
export function cutTorn(facts: readonly ServiceFacts[]): ServiceFacts[] {
  const marks = new Map(facts.map(({ service, migrations }) => [service, readMarked(service, migrations)]));
  let cut = [...facts];
  for (let again = true; again; ) {
    again = false;
    cut = cut.map((one) => {
      const names = new Set(one.migrations.map(({ name }) => name));
      const alone = (marks.get(one.service) ?? [])
        .filter(({ name }) => names.has(name))
        .find((marked) => {
          const partner = partnerOf(one.service, marked, cut);
          const present = new Set(partner?.migrations.map(({ name }) => name));
          const others = partner ? (marks.get(partner.service) ?? []) : [];
          return (
            partner &&
            !others.some(
              (other) => present.has(other.name) && isOther(marked, one.service, other, partner.service),
            )
          );
        });
      if (!alone) return one;
      again = true;
      return {
        ...one,
        migrations: one.migrations.slice(
          0,
          one.migrations.findIndex(({ name }) => name === alone.name),
        ),
      };
    });
  }
  return cut;
}

function partnerOf(
  service: Service,
  { transfer }: Marked,
  facts: readonly ServiceFacts[],
): ServiceFacts | undefined {
  const schema = transfer.from === service.schema ? transfer.to : transfer.from;
  return facts.find((one) => one.service.schema === schema);
}

/** Whether two marked migrations are the halves of one transfer: the departure names the arrival. */
function isOther(a: Marked, ofA: Service, b: Marked, ofB: Service): boolean {
  if (a.half === b.half) return false;
  const [arrival, departure] =
    a.half === "arrival" ? [`${ofA.name}/${a.name}`, b] : [`${ofB.name}/${b.name}`, a];
  return departure.after.includes(arrival);
}
