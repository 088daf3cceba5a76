using Coppice.Kernels.Attention;
using Coppice.Kernels.Emitted;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Tests.Attention;

/// <summary>Heads and storage of a made-up layer.</summary>
public readonly record struct Shape(int Heads, int KvHeads, int HeadDim, KvType Type)
{
    public float Scale => 1f / MathF.Sqrt(HeadDim);
}

/// <summary>The instructions that attention computes with: a path, by C# alone or with what is emitted for it.</summary>
public readonly record struct Code(KernelPath Path, bool Emitted)
{
    /// <summary>Each path of this CPU, and emitted code where it is available.</summary>
    public static IEnumerable<Code> Available =>
        KernelPaths.Available.Select(path => new Code(path, false)).Concat(EmittedCode.IsAvailable ? [new Code(KernelPath.Avx512, true)] : []);

    public static Code Scalar => new(KernelPath.Scalar, false);

    public static Code Best => Available.Last();
}

/// <summary>How a forest is computed.</summary>
public readonly record struct Way(Code Code, AttentionMode Mode = AttentionMode.Bifurcated, int Threads = 1, int PlannedThreads = 1);

/// <summary>
/// Segments and rows whose keys, values and queries are functions of a stream and a position, so that the same tokens can be
/// cut into segments in different ways. A stream stands for a text: the prompt, a question, a branch.
/// </summary>
public sealed class Forest
{
    private const int Layer = 1;
    private readonly List<Segment> _segments = [];
    private readonly List<Row> _rows = [];
    private readonly Dictionary<(Shape Shape, int Stream, int Position, int Kind), float[]> _elements = [];

    public float QueryGain { get; init; } = 1f;

    public IReadOnlyList<Row> Rows => _rows;

    public int Add(int parent, int stream, int tokens, bool isPrivate = false)
    {
        int start = parent < 0 ? 0 : _segments[parent].Start + _segments[parent].Tokens;
        _segments.Add(new Segment(parent, stream, start, tokens, isPrivate));
        return _segments.Count - 1;
    }

    /// <summary>Adds the rows of a segment's last tokens.</summary>
    public void AddRows(int segment, int count)
    {
        Segment s = _segments[segment];
        for (int i = count; i > 0; i--) AddRow(segment, s.Start + s.Tokens - i);
    }

    public void AddRow(int segment, int position) => _rows.Add(new Row(segment, _segments[segment].Stream, position));

    /// <summary>The forest of one row alone.</summary>
    public Forest Only(int row)
    {
        var alone = new Forest { QueryGain = QueryGain };
        alone._segments.AddRange(_segments);
        alone._rows.Add(_rows[row]);
        return alone;
    }

    /// <summary>[rows, heads, headDim] by the kernel. All that is not written is NaN.</summary>
    public float[] Compute(Shape shape, Way way, float softCap = 0, int window = 0)
    {
        using var run = new ForestRun(this, shape, way);
        return run.Attend(softCap, window);
    }

    /// <summary>[rows, heads, headDim] by the definition, in doubles.</summary>
    public double[] Define(Shape shape, float softCap = 0, int window = 0)
    {
        int group = shape.Heads / shape.KvHeads;
        var output = new double[_rows.Count * shape.Heads * shape.HeadDim];
        for (int r = 0; r < _rows.Count; r++)
        {
            float[] query = Query(_rows[r], shape);
            List<(int Stream, int Position)> seen = Seen(_rows[r], window);
            for (int head = 0; head < shape.Heads; head++)
            {
                double[] scores = [.. seen.ConvertAll(t => Score(t, query.AsSpan(head * shape.HeadDim, shape.HeadDim), head / group, shape, softCap))];
                double max = scores.DefaultIfEmpty().Max();
                double sum = scores.Sum(s => Math.Exp(s - max));
                Span<double> target = output.AsSpan((r * shape.Heads + head) * shape.HeadDim, shape.HeadDim);
                for (int t = 0; t < seen.Count; t++)
                {
                    float[] values = Element(seen[t].Stream, seen[t].Position, 2, shape);
                    double weight = Math.Exp(scores[t] - max) / sum;
                    for (int d = 0; d < shape.HeadDim; d++) target[d] += weight * values[head / group * shape.HeadDim + d];
                }
            }
        }

        return output;
    }

    internal void Fill(AttentionPlan plan, KvStore store, KernelPath path, Random pageOrder)
    {
        var shape = new Shape(store.KvHeads, store.KvHeads, store.HeadDim, KvType.F32);
        int[] free = [.. Enumerable.Range(0, store.PageCount)];
        pageOrder.Shuffle(free);
        for (int page = 0; page < store.PageCount; page++) store.Poison(page);
        int taken = 0;
        foreach (Segment s in _segments)
        {
            int[] pages = free.AsSpan(taken, (s.Tokens + 15) / 16).ToArray();
            taken += pages.Length;
            for (int t = 0; t < s.Tokens; t++)
            {
                store.Write(path, Layer, pages[t / 16], t % 16, Element(s.Stream, s.Start + t, 1, shape), Element(s.Stream, s.Start + t, 2, shape));
            }

            plan.AddSegment(s.Parent, s.Start, s.Tokens, pages, s.IsPrivate);
        }

        foreach (Row row in _rows) plan.AddRow(row.Segment, row.Position);
    }

    internal int PagesNeeded => _segments.Sum(s => (s.Tokens + 15) / 16) + 2;

    internal float[] Queries(Shape shape) => [.. _rows.SelectMany(r => Query(r, shape))];

    private List<(int Stream, int Position)> Seen(Row row, int window)
    {
        var seen = new List<(int, int)>();
        for (int s = row.Segment; s >= 0; s = _segments[s].Parent)
        {
            Segment segment = _segments[s];
            for (int p = segment.Start + segment.Tokens - 1; p >= segment.Start; p--)
                if (p <= row.Position && (window == 0 || p > row.Position - window)) seen.Add((segment.Stream, p));
        }

        seen.Reverse();
        return seen;
    }

    private double Score((int Stream, int Position) token, ReadOnlySpan<float> query, int kvHead, Shape shape, float softCap)
    {
        float[] keys = Element(token.Stream, token.Position, 1, shape);
        double score = 0;
        for (int d = 0; d < shape.HeadDim; d++) score += (double)query[d] * keys[kvHead * shape.HeadDim + d];
        score *= shape.Scale;
        return softCap == 0 ? score : softCap * Math.Tanh(score / softCap);
    }

    private float[] Query(Row row, Shape shape)
    {
        float[] query = Random(row.Stream, row.Position, 0, shape.Heads * shape.HeadDim);
        for (int i = 0; i < query.Length; i++) query[i] *= QueryGain;
        return query;
    }

    private float[] Element(int stream, int position, int kind, Shape shape)
    {
        if (_elements.TryGetValue((shape, stream, position, kind), out float[]? known)) return known;
        float[] element = Random(stream, position, kind, shape.KvHeads * shape.HeadDim);
        if (shape.Type == KvType.F16)
            for (int i = 0; i < element.Length; i++) element[i] = (float)(Half)element[i];
        if (shape.Type == KvType.Q8_0)
        {
            var blocks = new byte[TensorTypes.Bytes(TensorType.Q8_0, element.Length)];
            BlockCodec.Encode(TensorType.Q8_0, element, blocks);
            BlockCodec.Decode(TensorType.Q8_0, blocks, element);
        }

        _elements.Add((shape, stream, position, kind), element);
        return element;
    }

    /// <summary>Uniform in [-2, 2), from a counter.</summary>
    private static float[] Random(int stream, int position, int kind, int count)
    {
        var values = new float[count];
        ulong state = ((ulong)stream * 1_000_003 + (ulong)position) * 8 + (ulong)kind;
        for (int i = 0; i < count; i++)
        {
            ulong z = (state * 4096 + (ulong)i + 1) * 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            values[i] = (int)((z ^ (z >> 31)) >> 40) * (4f / (1 << 24)) - 2f;
        }

        return values;
    }

    public readonly record struct Row(int Segment, int Stream, int Position);

    private readonly record struct Segment(int Parent, int Stream, int Start, int Tokens, bool IsPrivate);
}

/// <summary>A forest laid out in pages, its plan and its kernel.</summary>
internal sealed class ForestRun : IDisposable
{
    private readonly Forest _forest;
    private readonly Shape _shape;
    private readonly Way _way;
    private readonly WorkerTeam _team;

    public ForestRun(Forest forest, Shape shape, Way way)
    {
        (_forest, _shape, _way) = (forest, shape, way);
        Store = new KvStore(2, shape.KvHeads, shape.HeadDim, shape.Type, forest.PagesNeeded);
        forest.Fill(Plan, Store, way.Code.Path, new Random(5));
        _team = new WorkerTeam(way.Threads);
        Kernel = new AttentionKernel(Store, shape.Heads, _team, way.Code.Path, way.Code.Emitted ? EmittedAttention.Of(Store.Layout) : null);
        Queries = forest.Queries(shape);
        Output = new float[Queries.Length];
        Output.AsSpan().Fill(float.NaN);
        Build();
    }

    public KvStore Store { get; }

    public AttentionPlan Plan { get; } = new();

    public AttentionKernel Kernel { get; }

    public float[] Queries { get; }

    public float[] Output { get; }

    public void Build() => Plan.Build(_way.Mode, _way.PlannedThreads, _shape.KvHeads, _shape.Heads / _shape.KvHeads);

    public float[] Attend(float softCap = 0, int window = 0)
    {
        Kernel.Attend(Plan, 1, Queries, Output, new AttentionOptions(_shape.Scale, softCap, window));
        return Output;
    }

    public void Dispose()
    {
        Kernel.Dispose();
        _team.Dispose();
        Store.Dispose();
    }
}
