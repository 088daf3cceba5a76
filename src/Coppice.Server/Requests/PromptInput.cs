using System.Text.Json;
using Coppice.Tokenizing;

namespace Coppice.Server.Requests;

/// <summary>Reads <c>prompt</c> and <c>input</c>: a text, token ids, or an array of either.</summary>
internal static class PromptInput
{
    /// <summary>The tokens of each prompt.</summary>
    /// <param name="fields">The request.</param>
    /// <param name="name">The field.</param>
    /// <param name="tokenizer">Encodes texts; token ids are taken as they are.</param>
    /// <param name="vocabulary">Ids are below it.</param>
    /// <param name="most">Prompts at most.</param>
    public static IReadOnlyList<int[]> Read(Fields fields, string name, Tokenizer tokenizer, int vocabulary, int most)
    {
        if (fields.Take(name) is not { } value) throw ApiException.Invalid(name, $"'{name}' is missing", "missing_parameter");
        if (value.ValueKind == JsonValueKind.String) return [tokenizer.Encode(Fields.TextOf(value, name))];
        if (value.ValueKind != JsonValueKind.Array)
            throw fields.Wrong(name, "a string, an array of token ids, or an array of strings or of arrays of token ids", Fields.Found(value));
        int count = value.GetArrayLength();
        if (count == 0) throw fields.Wrong(name, "at least one element long", "an empty array");
        if (value[0].ValueKind == JsonValueKind.Number) return [Fields.TokensOf(value, name, vocabulary)];
        if (count > most) throw fields.Wrong(name, $"at most {most} prompts", $"{count}");
        var prompts = new int[count][];
        for (int i = 0; i < count; i++)
        {
            JsonElement item = value[i];
            string path = $"{name}[{i}]";
            prompts[i] = item.ValueKind switch
            {
                JsonValueKind.String => tokenizer.Encode(Fields.TextOf(item, path)),
                JsonValueKind.Array => Fields.TokensOf(item, path, vocabulary),
                _ => throw ApiException.Invalid(path, $"'{path}' must be a string or an array of token ids, found {Fields.Found(item)}"),
            };
        }

        return prompts;
    }
}
