using System.Text.Json;
using System.Text.Json.Nodes;
using Coppice.Chat;

namespace Coppice.Server.Requests;

/// <summary>Reads a conversation: messages, tools and what the template is told besides.</summary>
internal static class ChatInput
{
    private const int MostMessages = 4096;
    private const int MostTools = 256;
    private const int LongestReason = 500;

    /// <summary>What the template is rendered with.</summary>
    public static ChatTemplateContext Read(Fields fields)
    {
        JsonElement messages = fields.Array("messages") ?? throw ApiException.Invalid("messages", "'messages' is missing", "missing_parameter");
        int count = messages.GetArrayLength();
        if (count is 0 or > MostMessages) throw fields.Wrong("messages", $"an array of 1 to {MostMessages} messages", $"one of {count}");
        return new ChatTemplateContext(new JsonArray([.. messages.EnumerateArray().Select((message, i) => Message(message, $"messages[{i}]"))]))
        {
            Tools = ReadTools(fields),
            Variables = ReadVariables(fields),
            AddGenerationPrompt = fields.Flag("add_generation_prompt") ?? true,
        };
    }

    /// <summary>The tokens of a conversation.</summary>
    public static int[] Encode(ServedModel model, ChatTemplateContext conversation)
    {
        try
        {
            return model.Engine.Chat.Encode(conversation);
        }
        catch (ChatTemplateException e)
        {
            throw Refused(e);
        }
    }

    /// <summary>What a template can't render. Its words can quote the conversation, in any length.</summary>
    public static ApiException Refused(ChatTemplateException e) => ApiException.Invalid(
        "messages", $"the model's chat template {(e.IsRaised ? "refuses" : "can't render")} this conversation: {ApiException.Shown(e.Reason, LongestReason)}", "template_error");

    private static JsonObject Message(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object) throw ApiException.Invalid(path, $"'{path}' must be an object, found {Fields.Found(element)}");
        var fields = new Fields(element, path + ".");
        string role = fields.Word("role", "system", "developer", "user", "assistant", "tool")
            ?? throw ApiException.Invalid(path + ".role", $"'{path}.role' is missing", "missing_parameter");
        // What models were trained on: 'developer' is newer than their templates.
        var message = new JsonObject { ["role"] = role == "developer" ? "system" : role };
        JsonNode? content = Content(fields, path);
        JsonElement? calls = role == "assistant" ? fields.Array("tool_calls") : null;
        if (content is null && calls is null) throw ApiException.Invalid(path + ".content", $"'{path}.content' is missing", "missing_parameter");
        message["content"] = content;
        if (calls is { } given) message["tool_calls"] = ToolCalls(given, path + ".tool_calls");
        Copy("name");
        if (role == "tool") Copy("tool_call_id");
        if (role == "assistant") Copy("reasoning_content");
        if (role == "assistant") fields.Refuse("refusal", "send the text as 'content'");
        fields.End();
        return message;

        void Copy(string name)
        {
            if (fields.Text(name) is { } text) message[name] = text;
        }
    }

    /// <summary>A text, or an array of parts of which each is a text.</summary>
    private static JsonNode? Content(Fields fields, string path)
    {
        if (fields.Take("content") is not { } content) return null;
        path += ".content";
        if (content.ValueKind == JsonValueKind.String) return Fields.TextOf(content, path);
        if (content.ValueKind != JsonValueKind.Array) throw ApiException.Invalid(path, $"'{path}' must be a string or an array of text parts, found {Fields.Found(content)}");
        var parts = new JsonArray();
        foreach (JsonElement item in content.EnumerateArray())
        {
            string at = $"{path}[{parts.Count}]";
            if (item.ValueKind != JsonValueKind.Object) throw ApiException.Invalid(at, $"'{at}' must be an object, found {Fields.Found(item)}");
            var part = new Fields(item, at + ".");
            if (part.Text("type") is var type && type != "text")
                throw ApiException.Invalid(at + ".type", $"'{at}.type' must be \"text\": parts of other kinds are not supported", "unsupported_parameter");
            string text = part.Text("text") ?? throw ApiException.Invalid(at + ".text", $"'{at}.text' is missing", "missing_parameter");
            part.End();
            parts.Add(new JsonObject { ["type"] = "text", ["text"] = text });
        }

        return parts.Count == 1 ? parts[0]!["text"]!.DeepClone() : parts;
    }

    private static JsonArray ToolCalls(JsonElement calls, string path)
    {
        var copied = new JsonArray();
        foreach (JsonElement call in calls.EnumerateArray())
        {
            string at = $"{path}[{copied.Count}]";
            JsonNode? node = Fields.NodeOf(call, at);
            if (node is not JsonObject fields || fields["function"] is not JsonObject function || function["name"]?.GetValueKind() != JsonValueKind.String)
                throw ApiException.Invalid(at, $"'{at}' must be an object with a 'function' that has a 'name'");
            copied.Add(node);
        }

        return copied;
    }

    private static JsonArray? ReadTools(Fields fields)
    {
        JsonElement? tools = fields.Array("tools");
        JsonElement? choice = fields.Take("tool_choice");
        fields.Flag("parallel_tool_calls");
        if (tools is not { } given || given.GetArrayLength() == 0)
        {
            if (choice is { } wanted && !(wanted.ValueKind == JsonValueKind.String && wanted.GetString() is "none" or "auto"))
                throw ApiException.Invalid("tool_choice", "'tool_choice' needs 'tools'");
            return null;
        }

        if (choice is not { ValueKind: JsonValueKind.String } none || !none.ValueEquals("none"))
        {
            throw ApiException.Invalid(
                "tools", "'tools' are not supported but with 'tool_choice' \"none\", which describes them to the model: its calls are not taken out of the text",
                "unsupported_parameter");
        }

        if (given.GetArrayLength() > MostTools) throw fields.Wrong("tools", $"an array of at most {MostTools} tools", $"one of {given.GetArrayLength()}");
        return new JsonArray([.. given.EnumerateArray().Select((tool, i) => tool.ValueKind == JsonValueKind.Object
            ? Fields.NodeOf(tool, $"tools[{i}]")
            : throw ApiException.Invalid($"tools[{i}]", $"'tools[{i}]' must be an object, found {Fields.Found(tool)}"))]);
    }

    private static JsonObject? ReadVariables(Fields fields)
    {
        if (fields.Take("chat_template_kwargs") is not { } value) return null;
        return value.ValueKind == JsonValueKind.Object
            ? (JsonObject)Fields.NodeOf(value, "chat_template_kwargs")!
            : throw fields.Wrong("chat_template_kwargs", "an object", Fields.Found(value));
    }
}
