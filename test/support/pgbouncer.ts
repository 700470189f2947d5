import { spawn } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { exitOf } from "../../scripts/io/server/postgres.ts";
import { chooseServerUser } from "../../scripts/io/server/user.ts";
import type { Pooler } from "./pooler.ts";
import { findFreePort } from "./server.ts";

/** Starts the real PgBouncer, whose program is given, before the server at `url`. */
export async function startPgBouncer(
  program: string,
  server: string,
  { size = 3, mode = "transaction" } = {},
): Promise<Pooler> {
  const { port, hostname, username, password } = new URL(server);
  const folder = mkdtempSync(join(inject("run").folder, "pgbouncer-"));
  const own = await findFreePort();
  const ini = join(folder, "pgbouncer.ini");
  const users = join(folder, "users.txt");
  writeFileSync(users, `"${decodeURIComponent(username)}" "${decodeURIComponent(password)}"\n`);
  writeFileSync(
    ini,
    [
      "[databases]",
      `* = host=${hostname} port=${port}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${own}`,
      "unix_socket_dir =",
      "auth_type = scram-sha-256",
      `auth_file = ${users}`,
      `pool_mode = ${mode}`,
      `default_pool_size = ${size}`,
      "max_client_conn = 200",
      "server_round_robin = 1",
      "",
    ].join("\n"),
  );
  chmodSync(folder, 0o755);
  // It refuses to run as root, as the server does.
  const user = chooseServerUser({ dataDir: join(folder, "absent"), workspace: import.meta.dirname });
  if (user) for (const file of [folder, ini, users]) chownSync(file, user.uid, user.gid);
  const child = spawn(program, ["-q", ini], {
    stdio: ["ignore", "ignore", "pipe"],
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  let words = "";
  child.stderr?.on("data", (text) => {
    words += text;
  });
  for (let left = 250; !(await answers(own)); left -= 1) {
    if (left === 0 || child.exitCode !== null) throw new Error(`PgBouncer did not start:\n${words}`);
    await sleep(20);
  }
  return {
    through: (url) => {
      const other = new URL(url);
      other.port = String(own);
      return other.href;
    },
    close: async () => {
      const ended = exitOf(child);
      child.kill("SIGQUIT");
      await ended;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
