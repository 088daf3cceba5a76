using System.Text.Json;
using System.Text.Json.Nodes;
using Coppice.Chat;
using Coppice.Tests.ModelFiles;

namespace Coppice.Tests.Chat;

public sealed class ChatTemplateGoldenTests
{
    [Fact]
    public void Every_golden_of_the_released_templates_is_rendered_byte_for_byte()
    {
        string[] rows = File.ReadAllLines(SharedData.File("chat_templates/golden_visible.jsonl"));
        var wrong = new List<string>();
        foreach (string line in rows)
        {
            JsonObject row = JsonNode.Parse(line)!.AsObject();
            string file = Path.GetFileName(row["template"]!.GetValue<string>());
            string source = File.ReadAllText(SharedData.File($"chat_templates/{file}"));
            string? found = Rendering.TextOrNull(source, row["context"]!.AsObject());
            if (found != row["expected"]?.GetValue<string>()) wrong.Add($"{file} {row["case"]}: {found ?? "an error"}");
        }

        Assert.True(rows.Length >= 136);
        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_released_template_can_be_read()
    {
        string[] files = Directory.GetFiles(Path.GetDirectoryName(SharedData.File("chat_templates/golden_visible.jsonl"))!, "*.jinja");
        Assert.Equal(68, files.Length);
        Assert.All(files, file => Assert.Equal(File.ReadAllText(file), ChatTemplate.Parse(File.ReadAllText(file), file).Source));
    }
}

/// <summary>Renders templates with variables as they come.</summary>
internal static class Rendering
{
    /// <summary>The text with all variables taken from the object.</summary>
    public static string Text(string source, JsonObject? variables = null) => ChatTemplate.Parse(source, "t").Render(new ChatTemplateContext([])
    {
        AddGenerationPrompt = false,
        Variables = variables,
        Clock = new FixedClock(),
    });

    public static string? TextOrNull(string source, JsonObject? variables = null)
    {
        try
        {
            return Text(source, variables);
        }
        catch (ChatTemplateException)
        {
            return null;
        }
    }

    public static ChatTemplateException Error(string source, string? variables = null) =>
        Assert.Throws<ChatTemplateException>(() => Text(source, variables is null ? null : JsonNode.Parse(variables)!.AsObject()));

    private sealed class FixedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2025, 8, 1, 12, 0, 0, TimeSpan.Zero);
    }
}
