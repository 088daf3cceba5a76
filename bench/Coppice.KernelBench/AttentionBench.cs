using System.Diagnostics;
using System.Globalization;
using Coppice.Kernels;
using Coppice.Kernels.Attention;

namespace Coppice.KernelBench;

/// <summary>
/// Attention of one layer against the rate at which memory can be read and against fused multiply-adds in registers. The layers' keys and
/// values together exceed the caches, and a call goes on to the next layer, as a decode step does.
/// </summary>
internal static class AttentionBench
{
    private const long TotalBytes = 512L << 20;
    private const int PrivateTokens = 16;
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(700);
    private static readonly (int Heads, int KvHeads, int HeadDim)[] s_shapes = [(32, 8, 64), (32, 8, 128), (32, 32, 128)];

    /// <summary>Prints a line for each case.</summary>
    /// <param name="args">[kv types] [rows] [tokens] [threads] [path] [heads/kvHeads x headDim].</param>
    public static void Run(string[] args)
    {
        KvType[] types = [.. Words(args, 0, "f16").Select(t => Enum.Parse<KvType>(t, ignoreCase: true))];
        string[] rows = Words(args, 1, "1,16,32,prefill");
        int[] tokens = [.. Words(args, 2, "512,2048,8192").Select(t => int.Parse(t, CultureInfo.InvariantCulture))];
        int threads = int.Parse(Words(args, 3, "1")[0], CultureInfo.InvariantCulture);
        KernelPath path = args.Length > 4 && args[4] != "best" ? Enum.Parse<KernelPath>(args[4], ignoreCase: true) : KernelPaths.Best;
        using var team = new WorkerTeam(threads);
        MachineLimits limits = MachineLimits.Measure(team);
        double read = limits.MemoryRead.All, fma = limits.MultiplyAdd.All;
        Console.WriteLine($"{threads} threads, {path}; memory {read / 1e9:f1} GB/s, FMA {fma / 1e9:f0} GFLOP/s; best of several");
        Console.WriteLine("kv    heads       rows    tokens |       ms    GB/s    % |  GFLOP/s    %");
        foreach ((int Heads, int KvHeads, int HeadDim) shape in s_shapes)
        {
            if (args.Length > 5 && args[5] != $"{shape.Heads}/{shape.KvHeads}x{shape.HeadDim}") continue;
            foreach (KvType type in types)
                foreach (string count in rows)
                    foreach (int context in tokens)
                        Measure(new Case(shape.Heads, shape.KvHeads, shape.HeadDim, type, count, context), team, path, read, fma);
        }
    }

    private static string[] Words(string[] args, int at, string otherwise) => (args.Length > at ? args[at] : otherwise).Split(',');

    private static void Measure(Case it, WorkerTeam team, KernelPath path, double read, double fma)
    {
        bool prefill = it.Rows == "prefill", repeated = it.Rows.StartsWith('r');
        if (prefill && it.Tokens != 512) return;
        int rows = prefill ? it.Tokens : int.Parse(it.Rows.TrimStart('r'), CultureInfo.InvariantCulture);
        int contextPages = it.Tokens / KvStore.PageTokens, pages = contextPages + (prefill ? 0 : rows);
        using var small = new KvStore(1, it.KvHeads, it.HeadDim, it.Type, 1);
        int layers = (int)Math.Clamp(TotalBytes / (small.PageBytes * pages), 2, 64);
        using var store = new KvStore(layers, it.KvHeads, it.HeadDim, it.Type, pages);
        Fill(store, path);
        var plan = new AttentionPlan();
        int context = plan.AddSegment(-1, 0, it.Tokens, [.. Enumerable.Range(0, contextPages)], isPrivate: false);
        for (int r = 0; r < rows; r++)
        {
            if (prefill) plan.AddRow(context, r);
            else plan.AddRow(plan.AddSegment(context, it.Tokens, PrivateTokens, [contextPages + r], isPrivate: true), it.Tokens + PrivateTokens - 1);
        }

        plan.Build(repeated ? AttentionMode.Repeated : AttentionMode.Bifurcated, team.Threads, it.KvHeads, it.Heads / it.KvHeads);
        using var kernel = new AttentionKernel(store, it.Heads, team, path);
        var random = new Random(1);
        float[] queries = new float[rows * it.Heads * it.HeadDim], output = new float[queries.Length];
        foreach (ref float q in queries.AsSpan()) q = random.NextSingle() - 0.5f;
        var options = new AttentionOptions(1f / MathF.Sqrt(it.HeadDim));
        // Until the compiler has seen enough calls to optimize what calls the kernels.
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < WarmUp;) AllLayers();
        double seconds = Clock.Best(9, AllLayers) / layers;
        kernel.ResetCounters();
        kernel.Attend(plan, 0, queries, output, options);
        double bytes = kernel.SharedBytesRead + kernel.PrivateBytesRead;
        double seen = prefill ? rows * (rows + 1.0) / 2 : (double)rows * (it.Tokens + PrivateTokens);
        double operations = 4.0 * seen * it.Heads * it.HeadDim;
        Console.WriteLine(
            $"{it.Type,-5} {it.Heads}/{it.KvHeads}x{it.HeadDim,-4} {it.Rows,8} {it.Tokens,8} | {seconds * 1e3,8:f3} {bytes / seconds / 1e9,7:f1} {bytes / seconds / read,4:p0} "
            + $"| {operations / seconds / 1e9,8:f0} {operations / seconds / fma,4:p0}");

        void AllLayers()
        {
            for (int layer = 0; layer < layers; layer++) kernel.Attend(plan, layer, queries, output, options);
        }
    }

    /// <summary>Random keys and values; each page holds the same few tokens.</summary>
    private static void Fill(KvStore store, KernelPath path)
    {
        var random = new Random(2);
        float[] keys = new float[store.KvHeads * store.HeadDim], values = new float[keys.Length];
        foreach (ref float k in keys.AsSpan()) k = random.NextSingle() - 0.5f;
        foreach (ref float v in values.AsSpan()) v = random.NextSingle() - 0.5f;
        for (int layer = 0; layer < store.Layers; layer++)
            for (int page = 0; page < store.PageCount; page++)
                for (int slot = 0; slot < KvStore.PageTokens; slot++) store.Write(path, layer, page, slot, keys, values);
    }

    private readonly record struct Case(int Heads, int KvHeads, int HeadDim, KvType Type, string Rows, int Tokens);
}
