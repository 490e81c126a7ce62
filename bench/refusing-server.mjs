// The least that a refusal costs here: a server of node:http that answers everything with 429 and does nothing else.
// It prints its port and runs until it is killed.
import { createServer } from "node:http";

const body = JSON.stringify({ error: { code: "server/queue-full", message: "try again later" } });
const headers = { "Content-Type": "application/json", "Content-Length": body.length, "Retry-After": "1" };
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(429, headers).end(body);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
