using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Coppice.Chat;

/// <summary>Conversations of Microsoft.Extensions.AI as chat templates read them.</summary>
internal static class ChatMessages
{
    /// <summary>The messages of a conversation.</summary>
    /// <exception cref="RequestRejectedException">A message holds what is no text.</exception>
    public static JsonArray Of(IEnumerable<ChatMessage> messages, string? instructions)
    {
        var all = new JsonArray();
        if (!string.IsNullOrEmpty(instructions)) all.Add(Message("system", instructions));
        foreach (ChatMessage message in messages) Add(all, message);
        return all;
    }

    /// <summary>A message of one text.</summary>
    public static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    /// <summary>Descriptions of tools in the form of the OpenAI API.</summary>
    /// <exception cref="RequestRejectedException">One is no function.</exception>
    public static JsonArray Describe(IEnumerable<AITool> tools) => new([.. tools.Select(tool => tool is AIFunctionDeclaration function
        ? new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = function.Name,
                ["description"] = function.Description,
                ["parameters"] = JsonNode.Parse(function.JsonSchema.GetRawText()),
            },
        }
        : throw new RequestRejectedException("tools", "functions", tool.GetType().Name))]);

    private static void Add(JsonArray all, ChatMessage message)
    {
        string text = "";
        string reasoning = "";
        var calls = new JsonArray();
        int results = 0;
        foreach (AIContent content in message.Contents)
        {
            switch (content)
            {
                case TextContent part: text += part.Text; break;
                case TextReasoningContent part: reasoning += part.Text; break;
                case FunctionCallContent call: calls.Add(Call(call)); break;
                case FunctionResultContent result:
                    results++;
                    all.Add(new JsonObject { ["role"] = "tool", ["tool_call_id"] = result.CallId, ["content"] = Text(result.Result) });
                    break;
                case UsageContent: break;
                default: throw new RequestRejectedException("messages", "text, function calls and their results", content.GetType().Name);
            }
        }

        if (results > 0 && text.Length == 0 && calls.Count == 0) return;
        JsonObject fields = Message(message.Role.Value, text);
        if (reasoning.Length > 0) fields["reasoning_content"] = reasoning;
        if (calls.Count > 0) fields["tool_calls"] = calls;
        all.Add(fields);
    }

    private static JsonObject Call(FunctionCallContent call) => new()
    {
        ["id"] = call.CallId,
        ["type"] = "function",
        ["function"] = new JsonObject
        {
            ["name"] = call.Name,
            ["arguments"] = JsonSerializer.SerializeToNode(call.Arguments ?? new Dictionary<string, object?>(), AIJsonUtilities.DefaultOptions),
        },
    };

    private static string Text(object? result) =>
        result as string ?? (result is null ? "" : JsonSerializer.Serialize(result, AIJsonUtilities.DefaultOptions));
}
