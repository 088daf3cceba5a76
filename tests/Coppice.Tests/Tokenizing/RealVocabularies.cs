using System.Text;
using System.Text.Json;
using Coppice.ModelFiles;
using Coppice.Tests.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Tests.Tokenizing;

/// <summary>Tokenizers of released models, built once for all tests.</summary>
public sealed class RealVocabularies
{
    private readonly Dictionary<string, Tokenizer> _built = [];

    /// <summary>Of <c>ggml-vocab-NAME.gguf</c>.</summary>
    internal Tokenizer Gguf(string name) => Once(name, () => Open(SharedData.File($"tokenizers/ggml-vocab-{name}.gguf")));

    /// <summary>Llama 3: the vocabulary and the merges as its makers publish them, with its 256 special tokens.</summary>
    internal Tokenizer Llama3() => Once("llama-bpe", () =>
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(SharedData.File("tokenizers/llama-bpe.encoder.json")));
        List<string> tokens = [.. json.RootElement.EnumerateObject().OrderBy(pair => pair.Value.GetInt32()).Select(pair => pair.Name)];
        Assert.Equal(128000, tokens.Count);
        string[] specials =
        [
            "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
            "<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
            "<|eot_id|>", "<|python_tag|>", .. Enumerable.Range(3, 245).Select(i => $"<|reserved_special_token_{i}|>"),
        ];
        string[] merges = File.ReadAllLines(SharedData.File("tokenizers/llama-bpe.vocab.bpe"));
        return new Tokenizer(Data("llama-bpe", tokens, specials, merges) with { BosId = 128000, EosId = 128001 });
    });

    /// <summary>Qwen 2: a rank for each token, from which the merges follow; its special tokens come after.</summary>
    internal Tokenizer Qwen2() => Once("qwen2", () =>
    {
        byte[][] ranked = [.. File.ReadLines(SharedData.File("tokenizers/qwen.tiktoken")).Select(line => Convert.FromBase64String(line.Split(' ')[0]))];
        string[] specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
        return new Tokenizer(Data("qwen2", [.. ranked.Select(Spell)], specials, MergesOf(ranked)) with { EosId = ranked.Length + 2 });
    });

    /// <summary>A model of the stories260K family.</summary>
    internal Tokenizer Stories() => Once("stories", () => Open(SharedData.File("stories260K/stories260K-f32.gguf")));

    /// <summary>Opens the tokenizer of a GGUF file.</summary>
    internal static Tokenizer Open(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        return Tokenizer.FromGguf(file);
    }

    private Tokenizer Once(string name, Func<Tokenizer> build)
    {
        if (!_built.TryGetValue(name, out Tokenizer? tokenizer)) _built[name] = tokenizer = build();
        return tokenizer;
    }

    private static VocabularyData Data(string pre, IReadOnlyList<string> tokens, string[] specials, IReadOnlyList<string> merges) => new()
    {
        Model = "gpt2",
        PreTokenizer = pre,
        Tokens = [.. tokens.Concat(specials).Select(Utf8)],
        Kinds = [.. Enumerable.Repeat(TokenKind.Normal, tokens.Count), .. Enumerable.Repeat(TokenKind.Control, specials.Length)],
        Merges = [.. merges.Select(Utf8)],
    };

    private static ReadOnlyMemory<byte> Utf8(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>Spells bytes in GPT-2's alphabet.</summary>
    private static string Spell(byte[] bytes) => string.Concat(bytes.Select(value => Alphabet[value]));

    private static readonly char[] Alphabet = MakeAlphabet();

    private static char[] MakeAlphabet()
    {
        int next = 256;
        return [.. Enumerable.Range(0, 256).Select(value => (char)(value is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174) ? value : next++))];
    }

    /// <summary>The last join that makes a token is the one whose parts are what the lower ranks make of its bytes.</summary>
    private static List<string> MergesOf(byte[][] ranked)
    {
        Dictionary<string, int> ranks = [];
        for (int rank = 0; rank < ranked.Length; rank++) ranks[Latin(ranked[rank])] = rank;
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> bySpan = ranks.GetAlternateLookup<ReadOnlySpan<char>>();
        List<string> merges = [];
        List<int> cuts = [];
        for (int rank = 0; rank < ranked.Length; rank++)
        {
            string token = Latin(ranked[rank]);
            if (token.Length == 1) continue;
            cuts.Clear();
            cuts.AddRange(Enumerable.Range(0, token.Length + 1));
            while (cuts.Count > 3)
            {
                (int Rank, int Cut) best = (rank, -1);
                for (int cut = 1; cut < cuts.Count - 1; cut++)
                {
                    if (bySpan.TryGetValue(token.AsSpan(cuts[cut - 1]..cuts[cut + 1]), out int found) && found < best.Rank) best = (found, cut);
                }
                Assert.NotEqual(-1, best.Cut);
                cuts.RemoveAt(best.Cut);
            }
            merges.Add(Spell(ranked[rank][..cuts[1]]) + ' ' + Spell(ranked[rank][cuts[1]..]));
        }
        return merges;
    }

    private static string Latin(byte[] bytes) => Encoding.Latin1.GetString(bytes);
}
