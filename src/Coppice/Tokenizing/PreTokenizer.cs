using Coppice.ModelFiles;
using static Coppice.Tokenizing.CharacterRanges;
using static Coppice.Tokenizing.WordPatterns;

namespace Coppice.Tokenizing;

/// <summary>
/// Cuts a text into words before pairs are joined; no token crosses a cut. The rules of a model run one after the other: the
/// first cuts the text into its matches and the gaps between them, the next cuts each of those pieces, and so on.
/// </summary>
internal sealed class PreTokenizer
{
    private readonly WordPattern[] _rules;

    private PreTokenizer(params WordPattern[] rules) => _rules = rules;

    /// <summary>Whether a word that is a token stays whole, unless the file says otherwise.</summary>
    public bool IgnoreMerges { get; private init; }

    /// <summary>Whether a text begins with BOS, unless the file says otherwise.</summary>
    public bool AddBos { get; private init; }

    /// <summary>The rule a file names in <c>tokenizer.ggml.pre</c>.</summary>
    /// <exception cref="ModelFormatException">The name is unknown.</exception>
    public static PreTokenizer Named(string? name, string file) => name switch
    {
        null or "" or "default" => new(PunctuationAndOperators, Gpt2, Digits, ThreeAsciiDigits),
        "gpt-2" or "phi-2" or "mpt" or "olmo" or "jais" or "trillion" or "granite-docling" or "exaone4" or "gigachat"
            or "a.x-4.0" or "mellum" => new(Gpt2),
        "llama-bpe" or "llama3" or "llama-v3" or "falcon3" or "falcon-h1" or "pixtral" or "midm-2.0" or "lfm2" =>
            new(Llama3) { IgnoreMerges = true, AddBos = true },
        "dbrx" or "smaug-bpe" or "glm4" or "chatglm-bpe" => new(Llama3),
        "minicpm5" => new(UpToThreeDigits, WordsAndNumbers) { IgnoreMerges = true },
        "qwen2" or "deepseek-r1-qwen" or "kormo" or "f2llmv2" or "megrez" or "stablelm2" or "hunyuan" or "solar-open"
            or "grok-2" => new(Qwen2),
        "qwen35" => new(Qwen35),
        "starcoder" or "refact" or "command-r" or "smollm" or "codeshell" or "exaone" or "minerva-7b" or "mellum2" =>
            new(Digit, Gpt2),
        "falcon" => new(PunctuationOperatorsAndBackquote, Gpt2, ThreeAsciiDigits),
        "deepseek-coder" => new(LineBreak, SpacedLetters, SpacedPunctuation, EastAsianRun, Digit),
        "deepseek-llm" => new(LineBreak, SpacedCasedLetters, SpacedListedPunctuation, TrailingSpace, EastAsianRun, Digits),
        "deepseek-v3" or "hunyuan-dense" or "joyai-llm" or "hy_v4" => new(UpToThreeDigits, HanAndKanaRun, DeepSeek3),
        "tekken" => new(Tekken) { IgnoreMerges = true, AddBos = true },
        "gpt-4o" or "llama4" or "kanana2" or "talkie" or "minimax-m2" => new(Gpt4o),
        _ => throw new ModelFormatException(
            file,
            "key 'tokenizer.ggml.pre'",
            "one of default, gpt-2, phi-2, mpt, olmo, jais, trillion, granite-docling, exaone4, gigachat, a.x-4.0, mellum, "
            + "llama-bpe, llama3, llama-v3, falcon3, falcon-h1, pixtral, midm-2.0, lfm2, dbrx, smaug-bpe, glm4, chatglm-bpe, "
            + "minicpm5, qwen2, deepseek-r1-qwen, kormo, f2llmv2, megrez, stablelm2, hunyuan, solar-open, grok-2, qwen35, "
            + "starcoder, refact, command-r, smollm, codeshell, exaone, minerva-7b, mellum2, falcon, deepseek-coder, "
            + "deepseek-llm, deepseek-v3, hunyuan-dense, joyai-llm, hy_v4, tekken, gpt-4o, llama4, kanana2, talkie, minimax-m2",
            $"'{name}'"),
    };

    /// <summary>Cuts a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="ends">Takes the index past the last code point of each word, ascending; words cover the text. Cleared first.</param>
    /// <param name="spare">A list to work in.</param>
    public void Split(CodePoints text, ref List<int> ends, ref List<int> spare)
    {
        ends.Clear();
        if (text.Count == 0) return;
        ends.Add(text.Count);
        foreach (WordPattern rule in _rules)
        {
            spare.Clear();
            int start = 0;
            foreach (int end in ends)
            {
                Cut(rule, text, start, end, spare);
                start = end;
            }
            (ends, spare) = (spare, ends);
        }
    }

    private static void Cut(WordPattern rule, CodePoints text, int start, int end, List<int> ends)
    {
        int gap = start;
        int at = start;
        while (at < end)
        {
            int stop = rule(text, start, at, end);
            if (stop == at)
            {
                at++;
                continue;
            }
            if (at > gap) ends.Add(at);
            ends.Add(stop);
            gap = at = stop;
        }
        if (end > gap) ends.Add(end);
    }
}
