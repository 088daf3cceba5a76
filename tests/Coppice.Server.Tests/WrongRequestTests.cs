using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Coppice.Chat;
using Coppice.Server.Requests;
using static Coppice.Server.Tests.RunningServer;

namespace Coppice.Server.Tests;

/// <summary>Bodies that are wrong: each gets its status and one sentence with the field in it, and the server lives.</summary>
public sealed class WrongRequestTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private readonly RunningServer _server = fixture.Running;

    public static TheoryData<string, string, string?, string> Bodies => new()
    {
        { Completions, "", null, "empty" },
        { Completions, "   ", null, "empty" },
        { Completions, "hello", null, "not valid JSON" },
        { Completions, "{\"prompt\":\"a\"", null, "not valid JSON" },
        { Completions, "{\"prompt\":\"a\"} x", null, "not valid JSON" },
        { Completions, "[1]", null, "must be a JSON object" },
        { Completions, "\"a\"", null, "must be a JSON object" },
        { Completions, "{}", "prompt", "'prompt' is missing" },
        { Completions, "{\"prompt\":5}", "prompt", "'prompt' must be" },
        { Completions, "{\"prompt\":[]}", "prompt", "empty array" },
        { Completions, "{\"prompt\":[\"a\",5]}", "prompt[1]", "found 5" },
        { Completions, "{\"prompt\":[1,\"a\"]}", "prompt[1]", "token id" },
        { Completions, "{\"prompt\":[1,512]}", "prompt[1]", "from 0 to 511" },
        { Completions, "{\"prompt\":[-1]}", "prompt[0]", "found -1" },
        { Completions, "{\"prompt\":[[]]}", "prompt", "at least one token" },
        { Completions, "{\"prompt\":\"a\",\"prompt\":\"b\"}", "prompt", "given twice" },
        { Completions, "{\"prompt\":\"a\",\"max_tokens\":0}", "max_tokens", "whole number from 1" },
        { Completions, "{\"prompt\":\"a\",\"max_tokens\":1.5}", "max_tokens", "found 1.5" },
        { Completions, "{\"prompt\":\"a\",\"max_tokens\":\"9\"}", "max_tokens", "found \"9\"" },
        { Completions, "{\"prompt\":\"a\",\"max_tokens\":1e400}", "max_tokens", "found 1e400" },
        { Completions, "{\"prompt\":\"a\",\"max_tokens\":99999999999999999999999999}", "max_tokens", "whole number" },
        { Completions, "{\"prompt\":\"a\",\"max_tokens\":4096}", "max_tokens", "context of 4096" },
        { Completions, "{\"prompt\":\"a\",\"temperature\":1e999}", "temperature", "a number from 0 to 2" },
        { Completions, "{\"prompt\":\"a\",\"temperature\":-0.1}", "temperature", "found -0.1" },
        { Completions, "{\"prompt\":\"a\",\"temperature\":\"hot\"}", "temperature", "found \"hot\"" },
        { Completions, "{\"prompt\":\"a\",\"top_p\":0}", "top_p", "more than 0" },
        { Completions, "{\"prompt\":\"a\",\"n\":0}", "n", "from 1 to 128" },
        { Completions, "{\"prompt\":\"a\",\"n\":1000000}", "n", "from 1 to 128" },
        { Completions, "{\"prompt\":\"a\",\"n\":3,\"best_of\":2}", "best_of", "at least 'n'" },
        { Completions, "{\"prompt\":\"a\",\"best_of\":2,\"stream\":true}", "best_of", "streamed" },
        { Completions, "{\"prompt\":\"a\",\"seed\":1.5}", "seed", "64 bits" },
        { Completions, "{\"prompt\":\"a\",\"stop\":[\"\"]}", "stop", "empty" },
        { Completions, "{\"prompt\":\"a\",\"stop\":{}}", "stop", "an object" },
        { Completions, "{\"prompt\":\"a\",\"stop\":[1]}", "stop[0]", "must be a string" },
        { Completions, "{\"prompt\":\"a\",\"logit_bias\":{\"x\":1}}", "logit_bias", "token ids" },
        { Completions, "{\"prompt\":\"a\",\"logit_bias\":{\"512\":1}}", "logit_bias", "token ids" },
        { Completions, "{\"prompt\":\"a\",\"logit_bias\":{\"5\":101}}", "logit_bias", "-100 to 100" },
        { Completions, "{\"prompt\":\"a\",\"logit_bias\":{\"5\":1,\"05\":2}}", "logit_bias", "given twice" },
        { Completions, "{\"prompt\":\"a\",\"logit_bias\":{\"\\ud800\":1}}", "logit_bias", "surrogate" },
        { Completions, "{\"prompt\":\"a\",\"stop_token_ids\":[" + string.Join(',', Enumerable.Repeat(5, 1025)) + "]}", "stop_token_ids", "at most 1024" },
        { Completions, "{\"prompt\":\"a\",\"logprobs\":21}", "logprobs", "from 0 to 20" },
        { Completions, "{\"prompt\":\"a\",\"logprobs\":true}", "logprobs", "found true" },
        { Completions, "{\"prompt\":\"a\",\"echo\":true}", "echo", "not supported" },
        { Completions, "{\"prompt\":\"a\",\"suffix\":\"b\"}", "suffix", "not supported" },
        { Completions, "{\"prompt\":\"a\",\"store\":true}", "store", "not supported" },
        { Completions, "{\"prompt\":\"a\",\"stream\":1}", "stream", "true or false" },
        { Completions, "{\"prompt\":\"a\",\"stream_options\":{}}", "stream_options", "needs 'stream'" },
        { Completions, "{\"prompt\":\"a\",\"stream\":true,\"stream_options\":{\"usage\":true}}", "stream_options.usage", "not a field" },
        { Completions, "{\"prompt\":\"a\",\"rank\":\"best\"}", "rank", "\"mean_logprob\"" },
        { Completions, "{\"prompt\":\"a\",\"answer_pattern\":\"(\"}", "answer_pattern", "regular expression" },
        { Completions, "{\"prompt\":\"a\",\"messages\":[]}", "messages", "not a field" },
        { Completions, "{\"prompt\":\"a\",\"temprature\":1}", "temprature", "not a field" },
        { Completions, "{\"prompt\":\"\\ud800\"}", "prompt", "surrogate" },
        { Completions, "{\"\\ud800\":1}", null, "surrogate" },
        { ChatCompletions, "{}", "messages", "'messages' is missing" },
        { ChatCompletions, "{\"messages\":[]}", "messages", "1 to 4096" },
        { ChatCompletions, "{\"messages\":\"hi\"}", "messages", "an array" },
        { ChatCompletions, "{\"messages\":[5]}", "messages[0]", "an object" },
        { ChatCompletions, "{\"messages\":[{\"content\":\"a\"}]}", "messages[0].role", "missing" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"king\",\"content\":\"a\"}]}", "messages[0].role", "\"assistant\"" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content", "missing" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":5}]}", "messages[0].content", "text parts" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}}]}]}", "messages[0].content[0].type", "not supported" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"mood\":1}]}", "messages[0].mood", "not a field" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"top_logprobs\":2}", "top_logprobs", "needs 'logprobs'" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"logprobs\":2}", "logprobs", "true or false" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"response_format\":{\"type\":\"json_object\"}}", "response_format", "not supported" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"functions\":[]}", "functions", "not supported" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"modalities\":[\"audio\"]}", "modalities", "text" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"reasoning_effort\":\"high\"}", "reasoning_effort", "not a field" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tool_choice\":\"required\"}", "tool_choice", "needs 'tools'" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":1,\"max_completion_tokens\":2}", "max_tokens", "the same" },
        { ChatCompletions, WithTemplate("{\"a\":1,\"a\":2}"), "chat_template_kwargs", "given twice" },
        { ChatCompletions, WithTemplate("{\"a\":[{\"b\":\"\\ud800\"}]}"), "chat_template_kwargs", "surrogate" },
        { ChatCompletions, WithTemplate("{\"\\udc00\":1}"), "chat_template_kwargs", "surrogate" },
        { ChatCompletions, WithTemplate("{\"messages\":5}"), "messages", "not iterable" },
        { ChatCompletions, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tool_choice\":\"none\",\"tools\":[{\"type\":1,\"type\":2}]}", "tools[0]", "given twice" },
        { ChatCompletions, WithCall("{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1,\"a\":2}}}"), "messages[0].tool_calls[0]", "given twice" },
        { ChatCompletions, WithCall("{\"\\ud800\":1,\"function\":{\"name\":\"f\"}}"), "messages[0].tool_calls[0]", "surrogate" },
        { ChatCompletions, WithCall("{\"function\":{\"name\":\"\\ud800\"}}"), "messages[0].tool_calls[0]", "surrogate" },
        { ChatCompletions, WithCall("{\"function\":{\"name\":5}}"), "messages[0].tool_calls[0]", "has a 'name'" },
        { "/v1/embeddings", "{}", "input", "missing" },
        { "/v1/embeddings", "{\"input\":\"a\",\"encoding_format\":\"hex\"}", "encoding_format", "\"base64\"" },
        { "/v1/embeddings", "{\"input\":\"a\",\"dimensions\":8}", "dimensions", "256" },
        { "/tokenize", "{}", "messages", "missing" },
        { "/detokenize", "{}", "tokens", "missing" },
        { "/detokenize", "{\"tokens\":[512]}", "tokens[0]", "from 0 to 511" },
    };

    private static string WithTemplate(string variables) => $$"""{"messages":[{"role":"user","content":"a"}],"chat_template_kwargs":{{variables}}}""";

    private static string WithCall(string call) => $$"""{"messages":[{"role":"assistant","tool_calls":[{{call}}]}]}""";

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task IsToldInOneSentence(string path, string body, string? param, string part)
    {
        (int status, JsonNode error) = await _server.FailAsync(path, body);
        Assert.Equal(400, status);
        Assert.Equal("invalid_request_error", (string)error["type"]!);
        Assert.Equal(param, (string?)error["param"]);
        Assert.Contains(part, (string)error["message"]!, StringComparison.Ordinal);
        Assert.NotNull((string?)error["code"]);
    }

    [Fact]
    public async Task ArgumentsThatAreNoGoodJsonStayText()
    {
        foreach (string arguments in new[] { "{\"a\":1,\"a\":2}", "{\"a\":\"\\ud800\"}", "{\"a\":", "5" })
        {
            var call = new JsonObject { ["function"] = new JsonObject { ["name"] = "f", ["arguments"] = arguments } };
            var message = new JsonObject { ["role"] = "assistant", ["tool_calls"] = new JsonArray(call) };
            await _server.AskAsync(ChatCompletions, new JsonObject { ["messages"] = new JsonArray(message), ["max_tokens"] = 1 }.ToJsonString());
        }
    }

    [Fact]
    public void WhatATemplateRaisesIsCutToOneShortLine()
    {
        ApiException told = ChatInput.Refused(new ChatTemplateException("t", 1, "no such role: " + new string('x', 5000) + "\n\u001b[31m", isRaised: true));
        Assert.InRange(told.Message.Length, 500, 600);
        told = ChatInput.Refused(new ChatTemplateException("t", 1, "a\nb\u001b[31m", isRaised: true));
        Assert.EndsWith("refuses this conversation: a b [31m", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PathsInAnotherCaseAreNotFound()
    {
        foreach (string path in new[] { "/INDEX.HTML", "/app.js/", "/App.js" })
        {
            using HttpResponseMessage response = await _server.Http.GetAsync(path);
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
            Assert.Equal("not_found", (string)(await ErrorOf(response))["code"]!);
        }
    }

    [Fact]
    public async Task DeepNestingIsRefused()
    {
        string deep = "{\"prompt\":" + new string('[', 100_000) + new string(']', 100_000) + "}";
        (int status, JsonNode error) = await _server.FailAsync(Completions, deep);
        Assert.Equal(400, status);
        Assert.Contains("levels deep", (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BytesThatAreNotUtf8AreRefused()
    {
        foreach (byte[] bytes in new byte[][] { [0xFF], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80] })
        {
            (int status, JsonNode error) = await _server.FailAsync(Completions, [.. "{\"prompt\":\""u8, .. bytes, .. "\"}"u8]);
            Assert.Equal(400, status);
            Assert.Contains("UTF-8", (string)error["message"]!, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task RandomBytesNeverBreakTheServer()
    {
        var random = new Random(1);
        byte[] valid = Encoding.UTF8.GetBytes("{\"prompt\":\"Once\",\"max_tokens\":2,\"n\":2,\"stop\":[\"x\"],\"logit_bias\":{\"5\":1},\"stream\":false}");
        for (int i = 0; i < 300; i++)
        {
            byte[] body = [.. valid];
            for (int changes = random.Next(1, 6); changes > 0; changes--) body[random.Next(body.Length)] = (byte)random.Next(256);
            using HttpResponseMessage response = await _server.PostAsync(Completions, body);
            Assert.True(response.StatusCode is HttpStatusCode.OK or HttpStatusCode.BadRequest or HttpStatusCode.NotFound, $"{response.StatusCode} for {Convert.ToHexString(body)}");
        }

        await _server.AskAsync(Completions, """{"prompt":"a","max_tokens":1}""");
    }

    [Fact]
    public async Task AnUnknownModelIsNotFound()
    {
        foreach (string path in new[] { Completions, ChatCompletions, "/v1/embeddings", "/tokenize" })
        {
            (int status, JsonNode error) = await _server.FailAsync(path, """{"model":"gpt-9"}""");
            Assert.Equal((404, "model_not_found", "model"), (status, (string)error["code"]!, (string)error["param"]!));
        }

        using HttpResponseMessage response = await _server.Http.GetAsync("/v1/models/gpt-9");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("model_not_found", (string)(await ErrorOf(response))["code"]!);
    }

    [Fact]
    public async Task OtherTypesPathsAndMethodsAreRefused()
    {
        using HttpResponseMessage type = await _server.Http.PostAsync(Completions, new StringContent("{\"prompt\":\"a\"}", Encoding.UTF8, "text/plain"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, type.StatusCode);
        await ErrorOf(type);
        using HttpResponseMessage path = await _server.Http.GetAsync("/v1/unknown");
        Assert.Equal(HttpStatusCode.NotFound, path.StatusCode);
        await ErrorOf(path);
        using HttpResponseMessage method = await _server.Http.GetAsync(Completions);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, method.StatusCode);
        await ErrorOf(method);
    }

    [Fact]
    public async Task APromptLongerThanTheContextIsRefused()
    {
        (int status, JsonNode error) = await _server.FailAsync(Completions, $$"""{"prompt":"{{new string('q', 20_000)}}"}""");
        Assert.Equal((400, "context_length_exceeded"), (status, (string)error["code"]!));
        string exact = string.Join(',', Enumerable.Repeat(5, 4096));
        (status, error) = await _server.FailAsync(Completions, $$"""{"prompt":[{{exact}}]}""");
        Assert.Equal((400, "context_length_exceeded"), (status, (string)error["code"]!));
    }
}
