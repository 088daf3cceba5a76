using System.Text;

namespace Coppice.LoadBench;

/// <summary>A request before it is sent.</summary>
/// <param name="Index">Its place in the order of arrivals.</param>
/// <param name="Due">When it arrives, from the start of the run.</param>
/// <param name="Context">Which shared context it begins with; -1 for none.</param>
/// <param name="FirstOfContext">Whether no earlier request has this context.</param>
/// <param name="PrivateSize">Words or tokens of its own.</param>
/// <param name="Samples">Choices asked for.</param>
/// <param name="MaxTokens">The most tokens of a choice.</param>
/// <param name="VanishAfter">After how many pieces of text the client closes its connection; null if it stays.</param>
/// <param name="Seed">Decides its own words, and goes to the server as the request's seed.</param>
internal sealed record PlannedRequest(
    int Index, TimeSpan Due, int Context, bool FirstOfContext, int PrivateSize, int Samples, int MaxTokens, int? VanishAfter, int Seed);

/// <summary>
/// The requests of a run, decided by the seed alone. Arrivals and contents come from two generators, so that another rate sends the same requests.
/// </summary>
internal sealed class Workload
{
    private const int ArrivalStream = 0x5eed;
    private static readonly string[] s_words =
    [
        "alder", "ash", "aspen", "bark", "beech", "birch", "bough", "branch", "briar", "bud", "cedar", "copse", "cut", "deer", "elm", "fern",
        "field", "fir", "forest", "frost", "glade", "grove", "grow", "hazel", "heath", "hedge", "hill", "holly", "ivy", "larch", "leaf", "light",
        "lime", "log", "maple", "marsh", "meadow", "moss", "oak", "orchard", "owl", "path", "pine", "poplar", "rain", "ring", "rise", "root",
        "rowan", "sap", "seed", "shade", "shoot", "soil", "spring", "stem", "stool", "stream", "thorn", "timber", "trunk", "twig", "willow", "yew",
    ];

    private readonly LoadOptions _options;

    /// <summary>Draws the shared contexts.</summary>
    public Workload(LoadOptions options)
    {
        _options = options;
        var random = new Random(options.Seed);
        Contexts = [.. Enumerable.Range(0, options.Contexts).Select(_ => Draw(options.SharedSize.Draw(random), random))];
    }

    /// <summary>Token ids, or indices of words, of each shared context.</summary>
    public IReadOnlyList<int[]> Contexts { get; }

    /// <summary>The requests, in the order in which they are due; ends with the number or the duration, whichever comes first.</summary>
    public IEnumerable<PlannedRequest> Requests()
    {
        var arrivals = new Random(_options.Seed ^ ArrivalStream);
        var contents = new Random(_options.Seed);
        var seen = new bool[_options.Contexts];
        double due = 0;
        for (int index = 0; _options.Requests is not int count || index < count; index++)
        {
            due = _options.Arrivals == ArrivalKind.Fixed ? index / _options.Rate : due + Gap(arrivals);
            if (_options.Duration is { } duration && due >= duration.TotalSeconds) yield break;
            yield return Plan(index, due, seen, contents);
        }
    }

    /// <summary>The own words or ids of a request.</summary>
    public int[] PrivatePart(PlannedRequest request) => Draw(request.PrivateSize, new Random(request.Seed));

    /// <summary>Words as a text.</summary>
    public static string Text(ReadOnlySpan<int> words)
    {
        var text = new StringBuilder();
        foreach (int word in words) text.Append(text.Length > 0 ? " " : "").Append(s_words[word]);
        return text.ToString();
    }

    /// <summary>Seconds between two arrivals of independent clients.</summary>
    private double Gap(Random random) => -Math.Log(1 - random.NextDouble()) / _options.Rate;

    /// <summary>Draws a request; always the same draws, so that one option does not change what another one decides.</summary>
    private PlannedRequest Plan(int index, double due, bool[] seen, Random random)
    {
        double sharing = random.NextDouble(), place = random.NextDouble(), vanishing = random.NextDouble(), part = random.NextDouble();
        int context = _options.Contexts > 0 && sharing < _options.SharedShare ? (int)(place * _options.Contexts) : -1;
        int privateSize = _options.PrivateSize.Draw(random), samples = _options.Samples.Draw(random), maxTokens = _options.MaxTokens.Draw(random);
        bool first = context >= 0 && !seen[context];
        if (first) seen[context] = true;
        int? vanishAfter = vanishing < _options.VanishShare ? 1 + (int)(part * ((long)samples * maxTokens / 2)) : null;
        return new PlannedRequest(index, TimeSpan.FromSeconds(due), context, first, privateSize, samples, maxTokens, vanishAfter, random.Next());
    }

    private int[] Draw(int size, Random random)
    {
        (int first, int last) = _options.TokenIds ?? (0, s_words.Length - 1);
        int[] drawn = new int[size];
        foreach (ref int item in drawn.AsSpan()) item = (int)random.NextInt64(first, last + 1L);
        return drawn;
    }
}
