// One call of the official SDK, as its readers are told to write it; what came of it goes to stdout as JSON.
// Usage: node calls.mjs <base URL> <key> <what> <arguments as JSON>
import OpenAI from "openai";

const [baseURL, apiKey, what, given] = process.argv.slice(2);
const { options = {}, headers, ...body } = JSON.parse(given ?? "{}");
const client = new OpenAI({ baseURL, apiKey, ...options });

const calls = {
  models: async () => (await client.models.list()).data,
  model: () => client.models.retrieve(body.model),
  complete: () => client.chat.completions.create(body, { headers }),
  stream: async () => {
    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) chunks.push(chunk);
    return chunks;
  },
  helper: async () => {
    const runner = client.chat.completions.stream(body);
    return { text: await runner.finalContent(), usage: await runner.totalUsage() };
  },
  hurried: async () => {
    await client.models.retrieve(body.model);
    const refused = await client.models.retrieve(body.model, { maxRetries: 0 }).catch((error) => error);
    return [refused.constructor.name, refused.code, await client.models.retrieve(body.model, { maxRetries: 3 })];
  },
  abort: async () => {
    const stream = await client.chat.completions.create({ ...body, stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) {
        stream.controller.abort();
        return chunk.choices[0].delta.content;
      }
    }
  },
};

try {
  console.log(JSON.stringify({ told: await calls[what]() }));
} catch (error) {
  const { name } = error.constructor;
  const { status, code, param, type, message, requestID } = error;
  console.log(JSON.stringify({ error: { name, status, code, param, type, message, requestID } }));
}
