using System.Text.Json.Nodes;
using Coppice.Chat.Jinja;

namespace Coppice.Chat;

/// <summary>What a chat template is rendered with.</summary>
public sealed record ChatTemplateContext
{
    /// <summary>Makes a context.</summary>
    /// <param name="messages">The conversation: objects with <c>role</c>, <c>content</c>, <c>tool_calls</c> and so on, first to last.</param>
    public ChatTemplateContext(JsonArray messages) => Messages = messages ?? throw new ArgumentNullException(nameof(messages));

    /// <summary>The conversation, first to last. It is read, never changed.</summary>
    public JsonArray Messages { get; init; }

    /// <summary>Descriptions of the tools as in the OpenAI API; null leaves the variable undefined.</summary>
    public JsonArray? Tools { get; init; }

    /// <summary>Whether the text ends where the assistant is to go on.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>The spelling of the token that begins a text; null leaves the variable undefined.</summary>
    public string? BosToken { get; init; }

    /// <summary>The spelling of the token that ends a text; null leaves the variable undefined.</summary>
    public string? EosToken { get; init; }

    /// <summary>More variables (<c>enable_thinking</c>, <c>documents</c>, ...); they win over the ones above.</summary>
    public JsonObject? Variables { get; init; }

    /// <summary>The clock of <c>strftime_now</c>.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>How long a rendering may take.</summary>
    internal TimeSpan TimeLimit { get; init; } = RenderState.MostTime;
}
