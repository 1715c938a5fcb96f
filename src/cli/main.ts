import { runProgram } from "./program.js";

const code = await runProgram(process.argv.slice(2));
// Whatever a failed start has left open must not keep the process; a success ends by itself.
if (code !== 0) process.exit(code);
