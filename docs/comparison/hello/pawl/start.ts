import { createClient } from "pawl";
import { hello } from "./workflows.js";

console.log(await createClient().execute(hello, "Ada"));
