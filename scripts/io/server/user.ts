import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { fail } from "../../core/errors.ts";

/** Whom the server runs as, where that is not whoever runs the tool. */
export interface ServerUser {
  name: string;
  uid: number;
  gid: number;
}

/**
 * Postgres refuses to run as root, so root hands the server to the owner of its data folder, else of the
 * workspace, else to `postgres` or `nobody`. `undefined`: no change of user is needed.
 */
export function chooseServerUser(where: { dataDir: string; workspace: string }): ServerUser | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  if (existsSync(where.dataDir)) return ownerOfDataDir(where.dataDir);
  const owner = statSync(where.workspace).uid;
  const user = (owner !== 0 && findUser(owner)) || findUser("postgres") || findUser("nobody");
  if (user && user.uid !== 0) return user;
  return fail({
    fact: "the embedded server cannot run as root, and this machine has no other user for it",
    why: "PostgreSQL refuses to run as root; neither a user postgres nor a user nobody exists",
    fix: "useradd --system postgres   # or set DATABASE_URL to a server of your own",
  });
}

/** A folder that exists decides, even where its owner has since lost the entry in /etc/passwd. */
function ownerOfDataDir(dataDir: string): ServerUser {
  const { uid, gid } = statSync(dataDir);
  if (uid !== 0) return { name: findUser(uid)?.name ?? String(uid), uid, gid };
  return fail({
    fact: `${dataDir} belongs to root, so no server can use it`,
    why: "PostgreSQL refuses to run as root and wants to own its data folder",
    fix: `chown -R postgres ${dataDir}   # or whoever made it`,
  });
}

/** Looks a user up as the C library does: initdb, too, needs an entry. */
function findUser(key: string | number): ServerUser | undefined {
  const line = passwdLines().find((one) => one.split(":")[typeof key === "number" ? 2 : 0] === String(key));
  const [name, , uid, gid] = (line ?? askNameService(key)).split(":");
  if (!name || !uid || !gid) return undefined;
  // macOS writes its `nobody` as -2, which the kernel knows as the unsigned number.
  return { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
}

function passwdLines(): string[] {
  return existsSync("/etc/passwd") ? readFileSync("/etc/passwd", "utf8").split("\n") : [];
}

function askNameService(key: string | number): string {
  try {
    return execFileSync("getent", ["passwd", String(key)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}
