/**
 * What programs in a box may not ask the kernel for: keys. A keyring is inherited by whoever is started, also as another user, and holds what
 * the operator has logged in with (tickets, keys of encrypted folders); no namespace hides it. https://man7.org/linux/man-pages/man7/keyrings.7.html
 */

/** An instruction of the kernel's filter: its code, how many are left out if true and if false, its operand. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** linux/bpf_common.h, linux/seccomp.h, linux/audit.h. */
const LOAD = 0x20;
const AND = 0x54;
const IS_EQUAL = 0x15;
const IS_GREATER = 0x25;
const IS_AT_LEAST = 0x35;
const RETURN = 0x06;
const NUMBER = 0;
const ARCHITECTURE = 4;
const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
/** The second way of numbering the calls of x86-64 has this bit. */
const WITHOUT_X32 = 0xbfffffff;

/** The first of add_key, request_key and keyctl, which follow each other, by what the call is made for. */
const FIRST_OF_KEYS: readonly (readonly [architecture: number, first: number])[] = [
  [0xc000003e, 248], // x86-64
  [0x40000003, 286], // i386
  [0xc00000b7, 217], // arm64
  [0x40000028, 309], // arm
];
const CALLS_OF_KEYS = 3;

/** @returns the filter as bubblewrap's --seccomp reads it; null: this is a processor that it does not know */
export function keysFilter(architecture: string): Buffer | null {
  // Others have the same calls under other numbers.
  if (architecture !== "x64" && architecture !== "arm64") return null;
  const blocks = FIRST_OF_KEYS.flatMap(([of, first]): Instruction[] => [
    [IS_EQUAL, 0, 6, of],
    [LOAD, 0, 0, NUMBER],
    [AND, 0, 0, WITHOUT_X32],
    [IS_AT_LEAST, 0, 2, first],
    [IS_GREATER, 1, 0, first + CALLS_OF_KEYS - 1],
    [RETURN, 0, 0, EPERM],
    [RETURN, 0, 0, ALLOW],
  ]);
  const program: Instruction[] = [[LOAD, 0, 0, ARCHITECTURE], ...blocks, [RETURN, 0, 0, ALLOW]];
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, ifTrue, ifFalse, operand], n) => {
    bytes.writeUInt16LE(code, 8 * n);
    bytes.writeUInt8(ifTrue, 8 * n + 2);
    bytes.writeUInt8(ifFalse, 8 * n + 3);
    bytes.writeUInt32LE(operand, 8 * n + 4);
  });
  return bytes;
}
