/** One message of the Postgres protocol: its type's letter, none for a start-up message, and all of its bytes. */
export interface WireMessage {
  type: string;
  bytes: Buffer;
}

/** Cuts a stream of bytes into messages; `startup` tells whether the next one is of the untyped kind. */
export function makeReader(startup: () => boolean, onMessage: (message: WireMessage) => void) {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const head = startup() ? 0 : 1;
      if (rest.length < head + 4) return;
      const length = head + rest.readInt32BE(head);
      if (rest.length < length) return;
      const bytes = rest.subarray(0, length);
      rest = rest.subarray(length);
      onMessage({ type: head === 0 ? "" : String.fromCharCode(bytes[0] ?? 0), bytes });
    }
  };
}

export function writeMessage(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

export function writeStrings(...texts: string[]): Buffer {
  return Buffer.from(texts.map((text) => `${text}\0`).join(""));
}

/** The pieces of a text that zero bytes end. */
export function readStrings(bytes: Buffer): string[] {
  return bytes.toString("utf8").split("\0").slice(0, -1);
}

export function writeError(sqlState: string, message: string): Buffer {
  return writeMessage("E", writeStrings("SFATAL", "VFATAL", `C${sqlState}`, `M${message}`, ""));
}
