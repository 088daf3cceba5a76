using System.Text.Json;
using System.Text.Json.Nodes;
using Coppice.Chat.Jinja;

namespace Coppice.Chat;

/// <summary>
/// What a template can read, found by rendering small conversations: templates differ in whether they take the arguments of a
/// tool call as an object or as JSON text, and content as one text or as parts. A conversation is fitted to that.
/// </summary>
internal sealed class TemplateReading
{
    private const string Mark = "mark7041";

    private readonly bool _wantsArgumentText;
    private readonly bool _readsText;
    private readonly bool _readsParts;

    /// <summary>Tries a template.</summary>
    public TemplateReading(ChatTemplate template)
    {
        _readsText = Reads(template, Content(JsonValue.Create(Mark)), Mark);
        _readsParts = Reads(template, Content(new JsonArray(new JsonObject { ["type"] = "text", ["text"] = Mark })), Mark, "type");
        bool readsObject = Reads(template, Call(new JsonObject { [Mark] = "x" }), Mark, $"{{'{Mark}'");
        _wantsArgumentText = !readsObject && Reads(template, Call(JsonValue.Create($"{{\"{Mark}\": \"x\"}}")), $"{{\"{Mark}\": \"x\"}}");
    }

    /// <summary>A copy of the conversation that the template can read.</summary>
    public JsonArray Fit(JsonArray messages) => new([.. messages.Select(message => message is JsonObject fields ? Fit(fields) : message?.DeepClone())]);

    private JsonObject Fit(JsonObject message)
    {
        var fitted = (JsonObject)message.DeepClone();
        if (fitted["content"] is JsonArray parts && _readsText && !_readsParts && TextOf(parts) is { } text) fitted["content"] = text;
        else if (fitted["content"] is JsonValue value && value.GetValueKind() == JsonValueKind.String && _readsParts && !_readsText)
            fitted["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = value.GetValue<string>() });
        if (fitted["tool_calls"] is not JsonArray calls) return fitted;
        foreach (JsonNode? call in calls)
            if (call is JsonObject { } outer && outer["function"] is JsonObject function) FitArguments(function);
        return fitted;
    }

    private void FitArguments(JsonObject function)
    {
        JsonNode? arguments = function["arguments"];
        if (_wantsArgumentText && arguments is JsonObject)
        {
            function["arguments"] = JsonValues.Write(JsonValues.From(arguments), new JsonValues.Layout(false, null, ", ", ": ", false));
        }
        else if (!_wantsArgumentText && arguments is JsonValue value && value.GetValueKind() == JsonValueKind.String && ObjectOrNull(value.GetValue<string>()) is { } parsed)
        {
            function["arguments"] = parsed;
        }
    }

    private static JsonObject? ObjectOrNull(string text)
    {
        try
        {
            var parsed = JsonNode.Parse(text) as JsonObject;
            // A name that is there twice, or half a character, shows only when a value is read.
            JsonValues.From(parsed);
            return parsed;
        }
        catch (Exception error) when (error is JsonException or ArgumentException or TemplateFault)
        {
            return null;
        }
    }

    /// <summary>The text of parts that are all text.</summary>
    private static string? TextOf(JsonArray parts)
    {
        var texts = new List<string>();
        foreach (JsonNode? part in parts)
        {
            if (part is not JsonObject fields || fields["text"] is not JsonValue text || text.GetValueKind() != JsonValueKind.String) return null;
            texts.Add(text.GetValue<string>());
        }

        return string.Join('\n', texts);
    }

    private static JsonArray Content(JsonNode content) => new(new JsonObject { ["role"] = "user", ["content"] = content });

    private static JsonArray Call(JsonNode arguments) => new(
        new JsonObject { ["role"] = "user", ["content"] = "x" },
        new JsonObject
        {
            ["role"] = "assistant",
            ["content"] = "",
            ["tool_calls"] = new JsonArray(new JsonObject
            {
                ["id"] = "call00000",
                ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = "f", ["arguments"] = arguments },
            }),
        },
        new JsonObject { ["role"] = "tool", ["tool_call_id"] = "call00000", ["name"] = "f", ["content"] = "x" });

    private static bool Reads(ChatTemplate template, JsonArray messages, string mark, string? spoiled = null)
    {
        try
        {
            string text = template.Render(new ChatTemplateContext(messages) { BosToken = "", EosToken = "", AddGenerationPrompt = false });
            return text.Contains(mark, StringComparison.Ordinal) && (spoiled is null || !text.Contains(spoiled, StringComparison.Ordinal));
        }
        catch (ChatTemplateException)
        {
            return false;
        }
    }
}
