// The official SDKs for Node, driven by the tests: one JSON object a line in, one a line out.
//
//     {"id", "kind", "server", "key", "retries", "do": "say" | "loop" | "count", "model", "ask"}
//     {"id", "said"} or {"id", "error": {"kind", "status", "text", "retry_after"}}

import readline from "node:readline";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const called = (name, args) => name + JSON.stringify(args);
const parsed = (text) => JSON.parse(text || "{}");
const dataUrl = (image) => `data:image/png;base64,${image}`;

class Chat {
  constructor({ server, key, retries }) {
    this.sdk = new OpenAI({ baseURL: `${server}/v1`, apiKey: key, maxRetries: retries });
  }

  first({ system, prompt, image }) {
    const shown = [{ type: "text", text: prompt }, { type: "image_url", image_url: { url: dataUrl(image) } }];
    const user = { role: "user", content: image ? shown : prompt };
    return system ? [{ role: "system", content: system }, user] : [user];
  }

  async turn(model, { tools, schema, stream }, messages) {
    const body = { model, messages };
    if (tools.length)
      body.tools = tools.map(({ name, description, schema: parameters }) => ({
        type: "function",
        function: { name, description, parameters },
      }));
    if (schema) body.response_format = { type: "json_schema", json_schema: { name: "person", strict: true, schema } };
    if (!stream) return this.sdk.chat.completions.create(body);
    return this.sdk.chat.completions.stream({ ...body, stream_options: { include_usage: true } }).finalChatCompletion();
  }

  said({ choices: [{ message }], usage }) {
    const calls = (message.tool_calls ?? []).map((one) => [one.function.name, parsed(one.function.arguments)]);
    return { text: message.content ?? "", calls, used: usage ? [usage.prompt_tokens, usage.completion_tokens] : [0, 0] };
  }

  history({ choices: [{ message }] }, results) {
    const answered = message.tool_calls.map((one) => ({
      role: "tool",
      tool_call_id: one.id,
      content: results[called(one.function.name, parsed(one.function.arguments))],
    }));
    return [message, ...answered];
  }
}

class Responses extends Chat {
  first({ prompt, image }) {
    const content = [{ type: "input_text", text: prompt }];
    if (image) content.push({ type: "input_image", image_url: dataUrl(image), detail: "auto" });
    return [{ role: "user", content }];
  }

  async turn(model, { system, tools, schema, stream }, input) {
    const body = { model, input, store: false };
    if (system) body.instructions = system;
    if (tools.length)
      body.tools = tools.map(({ name, description, schema: parameters }) => ({
        type: "function",
        strict: false,
        name,
        description,
        parameters,
      }));
    if (schema) body.text = { format: { type: "json_schema", name: "person", strict: true, schema } };
    if (!stream) return this.sdk.responses.create(body);
    return this.sdk.responses.stream(body).finalResponse();
  }

  said({ output, usage }) {
    const texts = output.filter((one) => one.type === "message").flatMap((one) => one.content);
    return {
      text: texts.filter((one) => one.type === "output_text").map((one) => one.text).join(""),
      calls: output.filter((one) => one.type === "function_call").map((one) => [one.name, parsed(one.arguments)]),
      used: usage ? [usage.input_tokens, usage.output_tokens] : [0, 0],
    };
  }

  history({ output }, results) {
    const calls = output.filter((one) => one.type === "function_call");
    const answered = calls.map((one) => ({
      type: "function_call_output",
      call_id: one.call_id,
      output: results[called(one.name, parsed(one.arguments))],
    }));
    return [...output, ...answered];
  }
}

class Messages {
  constructor({ server, key, retries }) {
    this.sdk = new Anthropic({ baseURL: server, apiKey: key, maxRetries: retries });
  }

  first({ prompt, image }) {
    const source = { type: "base64", media_type: "image/png", data: image };
    const shown = [{ type: "image", source }, { type: "text", text: prompt }];
    return [{ role: "user", content: image ? shown : prompt }];
  }

  async turn(model, { system, tools, schema, stream }, messages) {
    const body = { model, messages, max_tokens: 1000 };
    if (system) body.system = system;
    if (tools.length)
      body.tools = tools.map(({ name, description, schema: input_schema }) => ({ name, description, input_schema }));
    if (schema) body.output_config = { format: { type: "json_schema", schema } };
    return stream ? this.sdk.messages.stream(body).finalMessage() : this.sdk.messages.create(body);
  }

  said({ content, usage }) {
    const cached = (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
    return {
      text: content.filter((one) => one.type === "text").map((one) => one.text).join(""),
      calls: content.filter((one) => one.type === "tool_use").map((one) => [one.name, one.input]),
      used: [usage.input_tokens + cached, usage.output_tokens],
    };
  }

  history({ role, content }, results) {
    const calls = content.filter((one) => one.type === "tool_use");
    const answered = calls.map((one) => ({
      type: "tool_result",
      tool_use_id: one.id,
      content: results[called(one.name, one.input)],
    }));
    return [{ role, content }, { role: "user", content: answered }];
  }

  async count(model, content) {
    return (await this.sdk.messages.countTokens({ model, messages: [{ role: "user", content }] })).input_tokens;
  }
}

const KINDS = { chat: Chat, responses: Responses, messages: Messages };
const connected = new Map();

async function run({ kind, server, key, retries, do: verb, model, ask }) {
  const named = JSON.stringify([kind, server, key, retries]);
  if (!connected.has(named)) connected.set(named, new KINDS[kind]({ server, key, retries }));
  const client = connected.get(named);
  if (verb === "count") return client.count(model, ask.prompt);
  const history = client.first(ask);
  for (;;) {
    const answer = await client.turn(model, ask, history);
    const said = client.said(answer);
    if (verb === "say" || !said.calls.length) return said;
    history.push(...client.history(answer, ask.results));
  }
}

const told = (error) => ({
  kind: error.constructor.name,
  status: error.status ?? null,
  text: String(error.message ?? error),
  retry_after: error.headers?.get?.("retry-after") ?? null,
});

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  run(request)
    .then((said) => ({ said }), (error) => ({ error: told(error) }))
    .then((answer) => process.stdout.write(JSON.stringify({ id: request.id, ...answer }) + "\n"));
}
