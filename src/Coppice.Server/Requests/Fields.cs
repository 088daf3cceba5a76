using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Coppice.Server.Requests;

/// <summary>
/// The fields of a JSON object, taken out one by one: <see cref="End"/> refuses by name what nobody took. A null counts as absent.
/// Every wrong value ends in one sentence with the field, what was expected and what was found.
/// </summary>
internal sealed class Fields
{
    private readonly Dictionary<string, JsonElement> _left = new(StringComparer.Ordinal);
    private readonly string _path;

    /// <summary>Takes the fields of an object.</summary>
    /// <param name="element">A JSON object.</param>
    /// <param name="path">What leads to it, with a dot at its end; empty for the body itself.</param>
    public Fields(JsonElement element, string path)
    {
        _path = path;
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string name = NameOf(property, null);
            if (!_left.TryAdd(name, property.Value)) throw ApiException.Invalid(path + name, $"'{path}{ApiException.Shown(name)}' is given twice");
        }
    }

    /// <summary>Takes a field's value, or null where it is absent or null.</summary>
    public JsonElement? Take(string name) =>
        _left.Remove(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>Takes a text.</summary>
    public string? Text(string name, int mostCharacters = int.MaxValue)
    {
        if (Take(name) is not { } value) return null;
        string text = TextOf(value, _path + name);
        return text.Length <= mostCharacters ? text : throw Wrong(name, $"a string of at most {mostCharacters} characters", $"one of {text.Length}");
    }

    /// <summary>Takes one of a few words.</summary>
    public string? Word(string name, params ReadOnlySpan<string> words)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.String)
        {
            string text = TextOf(value, _path + name);
            if (words.Contains(text)) return text;
        }

        throw Wrong(name, OneOf(words), Found(value));
    }

    /// <summary>Takes a truth value.</summary>
    public bool? Flag(string name) => Take(name) is not { } value ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(name, "true or false", Found(value)),
    };

    /// <summary>Takes a whole number.</summary>
    public int? Whole(string name, int least, int most)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least && number <= most) return number;
        throw Wrong(name, string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"), Found(value));
    }

    /// <summary>Takes a number.</summary>
    public double? Number(string name, double least, double most)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most) return number;
        throw Wrong(name, string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}"), Found(value));
    }

    /// <summary>Takes a seed: any whole number of 64 bits.</summary>
    public ulong? Seed(string name)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number)
        {
            if (value.TryGetUInt64(out ulong seed)) return seed;
            if (value.TryGetInt64(out long negative)) return unchecked((ulong)negative);
        }

        throw Wrong(name, "a whole number of 64 bits", Found(value));
    }

    /// <summary>Takes a text or an array of texts.</summary>
    public IReadOnlyList<string> Texts(string name, int most)
    {
        if (Take(name) is not { } value) return [];
        if (value.ValueKind == JsonValueKind.String) return [TextOf(value, _path + name)];
        if (value.ValueKind != JsonValueKind.Array) throw Wrong(name, "a string or an array of strings", Found(value));
        if (value.GetArrayLength() > most) throw Wrong(name, $"at most {most} strings", $"{value.GetArrayLength()}");
        return [.. value.EnumerateArray().Select((item, i) => TextOf(item, $"{_path}{name}[{i}]"))];
    }

    /// <summary>Takes an array of token ids.</summary>
    public int[]? Tokens(string name, int vocabulary, int most = int.MaxValue)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > most) throw Wrong(name, $"at most {most} token ids", $"{value.GetArrayLength()}");
        return TokensOf(value, _path + name, vocabulary);
    }

    /// <summary>Takes an array.</summary>
    public JsonElement? Array(string name) => Take(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Array ? value : throw Wrong(name, "an array", Found(value));

    /// <summary>Takes an object.</summary>
    public Fields? Object(string name) => Take(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new Fields(value, $"{_path}{name}.") : throw Wrong(name, "an object", Found(value));

    /// <summary>Takes what has no effect here and is sent for other servers' sake.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (string name in names) _left.Remove(name);
    }

    /// <summary>Refuses a field that others support, with a reason.</summary>
    public void Refuse(string name, string reason)
    {
        if (Take(name) is not null) throw ApiException.Invalid(_path + name, $"'{_path}{name}' is not supported: {reason}", "unsupported_parameter");
    }

    /// <summary>Refuses by name each field that nobody took, unless its value is null.</summary>
    public void End()
    {
        foreach ((string name, JsonElement value) in _left)
        {
            if (value.ValueKind == JsonValueKind.Null) continue;
            throw ApiException.Invalid(_path + name, $"'{_path}{ApiException.Shown(name)}' is not a field that this server supports", "unsupported_parameter");
        }
    }

    /// <summary>The error of a field's value.</summary>
    public ApiException Wrong(string name, string expected, string found) => ApiException.Invalid(_path + name, $"'{_path}{name}' must be {expected}, found {found}");

    /// <summary>A JSON string as text.</summary>
    public static string TextOf(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String) throw ApiException.Invalid(path, $"'{path}' must be a string, found {Found(value)}");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw ApiException.Invalid(path, $"'{path}' has half a surrogate pair in it");
        }
    }

    /// <summary>A JSON array of token ids.</summary>
    public static int[] TokensOf(JsonElement value, string path, int vocabulary)
    {
        if (value.ValueKind != JsonValueKind.Array) throw ApiException.Invalid(path, $"'{path}' must be an array of token ids, found {Found(value)}");
        var tokens = new int[value.GetArrayLength()];
        int count = 0;
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out int token) || token < 0 || token >= vocabulary)
                throw ApiException.Invalid($"{path}[{count}]", $"'{path}[{count}]' must be a token id from 0 to {vocabulary - 1}, found {Found(item)}");
            tokens[count++] = token;
        }

        return tokens;
    }

    /// <summary>What a value is, for a message.</summary>
    public static string Found(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => Cut(value.GetRawText()),
        JsonValueKind.String => Cut(value.GetRawText()),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Null => "null",
        JsonValueKind.Array => "an array",
        _ => "an object",
    };

    private static string Cut(string raw) => raw.Length <= 40 ? ApiException.Shown(raw) : ApiException.Shown(raw[..36]) + "...";

    private static string OneOf(ReadOnlySpan<string> words)
    {
        string[] quoted = [.. words.ToArray().Select(word => $"\"{word}\"")];
        return quoted.Length == 1 ? quoted[0] : $"{string.Join(", ", quoted[..^1])} or {quoted[^1]}";
    }

    /// <summary>A field's name.</summary>
    public static string NameOf(JsonProperty property, string? path)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            throw ApiException.Invalid(path, $"a field's name{(path is null ? "" : $" in '{path}'")} has half a surrogate pair in it");
        }
    }

    /// <summary>A value that is passed on as it is: each name is there once, each text is whole characters.</summary>
    public static JsonNode? NodeOf(JsonElement value, string path)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                var members = new JsonObject();
                foreach (JsonProperty property in value.EnumerateObject())
                {
                    string name = NameOf(property, path);
                    if (!members.TryAdd(name, NodeOf(property.Value, path))) throw ApiException.Invalid(path, $"'{ApiException.Shown(name)}' in '{path}' is given twice");
                }

                return members;
            case JsonValueKind.Array: return new JsonArray([.. value.EnumerateArray().Select(item => NodeOf(item, path))]);
            case JsonValueKind.String: return JsonValue.Create(TextOf(value, path));
            default: return JsonValue.Create(value);
        }
    }
}
