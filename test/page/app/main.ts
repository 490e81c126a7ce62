// What a user of the package writes: the tests call `classify` from outside.
import { pipeline } from "beit";

Object.assign(globalThis, { pipeline });
