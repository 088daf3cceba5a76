// One forward pass of a decoder-only transformer (Vaswani et al. 2017; the pre-norm form of Touvron et al. 2023) over the rows
// of a step. What differs between architectures is data (Architecture, ModelConfig); what differs between rows (which context
// each one sees, where its key and value are kept) is the attention plan's.
//
//   x = embedding[token]                                   [rows, width]
//   per layer:  h = norm(x);  q, k, v = Wq h, Wk h, Wv h;  q, k rotated to their positions;  k, v appended to the KV store
//               x += Wo attention(q, plan)
//               h = norm(x);  x += Wdown (act(Wgate h) * Wup h)
//   logits = Wout norm(x)                                  only for the rows that want them
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Elementwise;
using Coppice.Kernels.Products;

namespace Coppice.Model;

/// <summary>Computes the logits of a step's rows. Not thread-safe; owns its activations, not the weights or the KV store.</summary>
public sealed class Decoder : IDisposable
{
    private readonly ModelWeights _weights;
    private readonly ModelConfig _config;
    private readonly KvStore _kv;
    private readonly WorkerTeam _team;
    private readonly KernelPath _path;
    private readonly AttentionKernel _attention;
    private readonly ActivationRows _input;
    private readonly RotaryTable? _rotary;
    private readonly RotaryTable? _localRotary;
    private readonly AlignedBuffer<float> _x, _h, _q, _k, _v, _a, _gate, _up;

    /// <summary>Takes memory for steps of at most <paramref name="maxRows"/> rows.</summary>
    /// <param name="weights">The model.</param>
    /// <param name="kv">Where keys and values are kept.</param>
    /// <param name="team">Who computes.</param>
    /// <param name="path">On which kernel path.</param>
    /// <param name="maxRows">Rows of the largest step.</param>
    /// <param name="contextLength">Positions that can occur.</param>
    public Decoder(ModelWeights weights, KvStore kv, WorkerTeam team, KernelPath path, int maxRows, int contextLength)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(kv);
        (_weights, _config, _kv, _team, _path) = (weights, weights.Config, kv, team, path);
        ModelConfig c = _config;
        MaxRows = maxRows;
        // Read before any memory is taken: a file can be wrong here.
        float[] factors = c.Architecture.Positions == PositionKind.Learned ? [] : weights.RotaryFactors(contextLength) ?? [];
        int queries = c.Heads * c.HeadDim, keys = c.KvHeads * c.HeadDim;
        AlignedBuffer<float> Rows(int width) => new((long)maxRows * width);
        (_x, _h, _q, _a) = (Rows(c.Width), Rows(Math.Max(c.Width, queries)), Rows(queries), Rows(queries));
        (_k, _v, _gate, _up) = (Rows(keys), Rows(keys), Rows(c.FeedForward), Rows(c.FeedForward));
        _input = new ActivationRows(maxRows, Math.Max(Math.Max(c.Width, queries), c.FeedForward));
        _attention = new AttentionKernel(kv, c.Heads, team, path);
        if (c.Architecture.Positions == PositionKind.Learned) return;
        _rotary = new RotaryTable(c.RotaryDims, c.RotaryBase, c.RotaryScale, factors, c.RotaryAttentionFactor, contextLength);
        _localRotary = c.Architecture.LocalRotary
            ? new RotaryTable(c.RotaryDims, c.LocalRotaryBase, 1f, [], 1f, contextLength)
            : _rotary;
    }

    /// <summary>Rows of the largest step.</summary>
    public int MaxRows { get; }

    /// <summary>Who computes.</summary>
    public WorkerTeam Team => _team;

    /// <summary>The attention kernel, which counts the bytes it reads.</summary>
    public AttentionKernel Attention => _attention;

    /// <summary>Runs one step: appends each row's keys and values to the KV store and computes the logits that are wanted.</summary>
    /// <param name="rows">The rows, in the plan's order.</param>
    /// <param name="plan">Who attends to what; built.</param>
    /// <param name="logits">[rows.LogitCount, vocabulary].</param>
    /// <param name="hidden">[rows.HiddenCount, width]: the hidden states that are wanted, after the final norm.</param>
    public void Forward(StepRows rows, AttentionPlan plan, Span<float> logits, Span<float> hidden = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        int count = rows.Count, last = _config.Layers - 1;
        Embed(rows);
        ReachPositions(rows);
        for (int layer = 0; layer <= last; layer++)
        {
            LayerWeights w = _weights.Layers[layer];
            AttentionBlock(w, layer, rows, plan, ref count);
            if (count == 0) return; // the last layer's keys and values are written, and nobody wants more
            FeedForwardBlock(w, count);
        }

        Span<float> x = Slice(_x, count, _config.Width), h = Slice(_h, count, _config.Width);
        Normalize(_weights.OutputNorm, x, h);
        Take(rows.HiddenOutputs, h, hidden);
        count = rows.LogitCount;
        if (count == 0) return;
        Keep(rows.LogitOutputs, h, _config.Width);
        Multiply(h[..(count * _config.Width)], count, _config.Width, _weights.Output, logits);
        if (_config.LogitSoftCap > 0) Activations.SoftCap(_path, logits, _config.LogitSoftCap, logits, _team);
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose()
    {
        foreach (AlignedBuffer<float> buffer in (AlignedBuffer<float>[])[_x, _h, _q, _k, _v, _a, _gate, _up]) buffer.Dispose();
        _input.Dispose();
        _attention.Dispose();
        _rotary?.Dispose();
        if (!ReferenceEquals(_rotary, _localRotary)) _localRotary?.Dispose();
    }

    private void Embed(StepRows rows)
    {
        Span<float> x = Slice(_x, rows.Count, _config.Width);
        for (int row = 0; row < rows.Count; row++)
            _weights.ReadEmbedding(rows.Tokens[row], x.Slice(row * _config.Width, _config.Width));
        if (_config.Architecture.ScaledEmbedding) Arithmetic.Scale(_path, x, MathF.Sqrt(_config.Width), x);
        if (_config.Architecture.Positions != PositionKind.Learned) return;
        Span<float> learned = Slice(_h, 1, _config.Width);
        for (int row = 0; row < rows.Count; row++)
        {
            _weights.ReadPositionEmbedding(rows.Positions[row], learned);
            Span<float> embedding = x.Slice(row * _config.Width, _config.Width);
            Arithmetic.Add(_path, embedding, learned, embedding);
        }
    }

    /// <summary>Makes sure that the rotary tables hold every position of the step.</summary>
    private void ReachPositions(StepRows rows)
    {
        if (_rotary is null) return;
        int positions = 0;
        for (int row = 0; row < rows.Count; row++) positions = Math.Max(positions, rows.Positions[row] + 1);
        _rotary.EnsurePositions(positions);
        _localRotary!.EnsurePositions(positions);
    }

    /// <summary>x += Wo attention(...). In the last layer only the rows that are wanted go on: count becomes their number.</summary>
    private void AttentionBlock(LayerWeights w, int layer, StepRows rows, AttentionPlan plan, ref int count)
    {
        ModelConfig c = _config;
        int queryWidth = c.Heads * c.HeadDim, keyWidth = c.KvHeads * c.HeadDim;
        Span<float> x = Slice(_x, count, c.Width), h = Slice(_h, count, c.Width);
        Span<float> q = Slice(_q, count, queryWidth), k = Slice(_k, count, keyWidth), v = Slice(_v, count, keyWidth);
        Normalize(w.AttentionNorm, x, h);
        _input.Load(h, count, c.Width);
        Multiply(w.Query, q);
        Multiply(w.Key, k);
        Multiply(w.Value, v);
        if (w.QueryNorm is not null) RmsNorm.Normalize(_path, q, w.QueryNorm, c.NormEpsilon, q, _team);
        if (w.KeyNorm is not null) RmsNorm.Normalize(_path, k, w.KeyNorm, c.NormEpsilon, k, _team);
        RotaryTable? rotary = c.Windows[layer] > 0 ? _localRotary : _rotary;
        if (rotary is not null)
        {
            ReadOnlySpan<int> positions = rows.Positions.AsSpan(0, count);
            RotaryStyle style = c.Architecture.RotaryStyle;
            Rotary.Rotate(_path, q, new RotaryShape(c.Heads, c.HeadDim, queryWidth, style), positions, rotary, _team);
            Rotary.Rotate(_path, k, new RotaryShape(c.KvHeads, c.HeadDim, keyWidth, style), positions, rotary, _team);
        }

        for (int row = 0; row < count; row++)
            _kv.Write(_path, layer, rows.Pages[row], rows.Slots[row], k.Slice(row * keyWidth, keyWidth), v.Slice(row * keyWidth, keyWidth));

        Span<float> a = Slice(_a, count, queryWidth);
        if (layer == c.Layers - 1 && rows.OutputCount == 0)
        {
            count = 0;
            return;
        }

        _attention.Attend(plan, layer, q, a, new AttentionOptions { Scale = c.AttentionScale, SoftCap = c.AttentionSoftCap, Window = c.Windows[layer] });
        if (layer == c.Layers - 1)
        {
            Keep(rows.OutputRows, a, queryWidth);
            Keep(rows.OutputRows, x, c.Width);
            count = rows.OutputCount;
        }

        h = Slice(_h, count, c.Width);
        Multiply(Slice(_a, count, queryWidth), count, queryWidth, w.AttentionOutput, h);
        if (w.AttentionPostNorm is not null) Normalize(w.AttentionPostNorm, h, h);
        x = Slice(_x, count, c.Width);
        Arithmetic.Add(_path, x, h, x, _team);
    }

    /// <summary>x += down(act(gate(norm x)) * up(norm x)).</summary>
    private void FeedForwardBlock(LayerWeights w, int count)
    {
        ModelConfig c = _config;
        Span<float> x = Slice(_x, count, c.Width), h = Slice(_h, count, c.Width), up = Slice(_up, count, c.FeedForward);
        Normalize(w.FeedForwardNorm, x, h);
        _input.Load(h, count, c.Width);
        Multiply(w.Up, up);
        if (w.Gate is null)
        {
            Activations.Gelu(_path, up, up, _team);
        }
        else
        {
            Span<float> gate = Slice(_gate, count, c.FeedForward);
            Multiply(w.Gate, gate);
            if (c.Architecture.FeedForward == FeedForwardKind.SwiGlu) Activations.SwiGlu(_path, gate, up, up, _team);
            else Activations.GeGlu(_path, gate, up, up, _team);
        }

        Multiply(up, count, c.FeedForward, w.Down, h);
        if (w.FeedForwardPostNorm is not null) Normalize(w.FeedForwardPostNorm, h, h);
        Arithmetic.Add(_path, x, h, x, _team);
    }

    private void Normalize(Norm norm, ReadOnlySpan<float> x, Span<float> output)
    {
        if (norm.Bias is null) RmsNorm.Normalize(_path, x, norm.Weight, _config.NormEpsilon, output, _team);
        else LayerNorm.Normalize(_path, x, norm.Weight, norm.Bias, _config.NormEpsilon, output, _team);
    }

    private void Multiply(ReadOnlySpan<float> x, int count, int inputs, Linear linear, Span<float> y)
    {
        _input.Load(x, count, inputs);
        Multiply(linear, y);
    }

    /// <summary>The product with what was loaded last.</summary>
    private void Multiply(Linear linear, Span<float> y)
    {
        MatrixProduct.Multiply(_path, _team, linear.Weights, _input, y);
        if (linear.Bias is not null) Arithmetic.AddBias(_path, y, linear.Bias, y);
    }

    /// <summary>Copies the named rows out.</summary>
    private void Take(ReadOnlySpan<int> rows, ReadOnlySpan<float> values, Span<float> to)
    {
        int width = _config.Width;
        for (int i = 0; i < rows.Length; i++) values.Slice(rows[i] * width, width).CopyTo(to.Slice(i * width, width));
    }

    /// <summary>Moves the named rows to the front.</summary>
    private static void Keep(ReadOnlySpan<int> rows, Span<float> values, int width)
    {
        for (int i = 0; i < rows.Length; i++)
            if (rows[i] != i) values.Slice(rows[i] * width, width).CopyTo(values.Slice(i * width, width));
    }

    private static Span<float> Slice(AlignedBuffer<float> buffer, int rows, int width) => buffer.Slice(0, rows * width);
}
