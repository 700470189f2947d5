import { createConnection } from "node:net";

/** What answers on a port: nothing, a Postgres server, or some other program. */
export type PortState = "free" | "postgres" | "other";

// Postgres answers a request for TLS with one letter, before any login and without a line in its log:
// length 8, then the code 1234.5679 (protocol message SSLRequest).
const TLS_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const SILENCE_MS = 1_500;

/** Asks whatever listens on 127.0.0.1 whether it speaks Postgres' protocol. */
export function probePort(port: number): Promise<PortState> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    const settle = (state: PortState) => {
      socket.destroy();
      resolve(state);
    };
    socket.setTimeout(SILENCE_MS, () => settle("other"));
    socket.once("connect", () => socket.write(TLS_REQUEST));
    socket.once("data", (answer) => settle(/^[SNE]/.test(answer.toString("latin1")) ? "postgres" : "other"));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      settle(error.code === "ECONNREFUSED" ? "free" : "other"),
    );
    socket.once("close", () => settle("other"));
  });
}
