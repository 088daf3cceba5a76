using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Coppice.Cli;

/// <summary>Makes options whose wrong values end in a line with the option, what was expected and what was found.</summary>
internal static class OptionParsers
{
    /// <summary>An option that takes a number in a range; without the option its value is null.</summary>
    /// <param name="name">The long name, with its dashes.</param>
    /// <param name="description">What it does, for the help text.</param>
    /// <param name="least">The smallest number.</param>
    /// <param name="most">The largest number.</param>
    /// <param name="aliases">Short names, with their dash.</param>
    public static Option<T?> Number<T>(string name, string description, T least, T most, params string[] aliases)
        where T : struct, INumber<T>, IMinMaxValue<T>
    {
        bool whole = T.IsZero(T.One / (T.One + T.One));
        string kind = whole ? "a whole number" : "a number";
        NumberStyles style = whole ? NumberStyles.AllowLeadingSign : NumberStyles.Float;
        string range = most == T.MaxValue ? $"{kind} of at least {least}" : $"{kind} from {least} to {most}";
        return new Option<T?>(name, aliases)
        {
            Description = description,
            HelpName = "NUMBER",
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (T.TryParse(text, style, CultureInfo.InvariantCulture, out T value) && value >= least && value <= most) return value;
                result.AddError($"{name}: expected {range}, found '{text}'");
                return null;
            },
        };
    }

    /// <summary>An option that takes whole numbers with commas between; without the option its value is the fallback.</summary>
    /// <param name="name">The long name, with its dashes.</param>
    /// <param name="description">What it does, for the help text, without a full stop.</param>
    /// <param name="fallback">The numbers if not given; none where that is said elsewhere.</param>
    /// <param name="most">The largest number; the smallest is 1.</param>
    /// <param name="aliases">Short names, with their dash.</param>
    public static Option<int[]> Numbers(string name, string description, int[] fallback, int most, params string[] aliases) => new(name, aliases)
    {
        Description = fallback.Length == 0 ? $"{description}." : $"{description} ({string.Join(',', fallback)} if not given).",
        HelpName = "NUMBERS",
        DefaultValueFactory = _ => fallback,
        CustomParser = result => Parse(result, name, most),
    };

    private static int[]? Parse(ArgumentResult result, string name, int most)
    {
        var numbers = new List<int>();
        foreach (string word in result.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            if (int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1 && number <= most)
            {
                numbers.Add(number);
                continue;
            }

            result.AddError($"{name}: expected whole numbers from 1 to {most} with commas between, found '{word}'");
            return null;
        }

        return [.. numbers];
    }

    /// <summary>An option that takes one of a few words; without the option its value is that of the first.</summary>
    /// <param name="name">The long name, with its dashes.</param>
    /// <param name="description">What it does, for the help text.</param>
    /// <param name="choices">The words and what they stand for.</param>
    public static Option<T> Choice<T>(string name, string description, params (string Word, T Value)[] choices)
    {
        string words = string.Join(" or ", choices.Select(choice => choice.Word));
        return new Option<T>(name)
        {
            Description = $"{description} ({words}; {choices[0].Word} if not given)",
            HelpName = string.Join('|', choices.Select(choice => choice.Word)),
            DefaultValueFactory = _ => choices[0].Value,
            CustomParser = result => Parse(result, name, words, choices),
        };
    }

    private static T? Parse<T>(ArgumentResult result, string name, string words, (string Word, T Value)[] choices)
    {
        string text = result.Tokens[0].Value;
        foreach ((string word, T value) in choices)
            if (string.Equals(word, text, StringComparison.OrdinalIgnoreCase)) return value;
        result.AddError($"{name}: expected {words}, found '{text}'");
        return default;
    }
}
