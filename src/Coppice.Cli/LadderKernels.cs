// The kernels of a step, each called by itself and timed by itself. They run in the order of the model, layer after layer, so
// that a kernel finds the caches as it does in a step: every matrix was last read a whole pass ago, and comes from memory
// wherever the model is larger than the caches. Values flow through as in the decoder, except that the residual stream starts at random.
using Coppice.Kernels;
using Coppice.Kernels.Attention;
using Coppice.Kernels.Elementwise;
using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;
using Coppice.Model;

namespace Coppice.Cli;

/// <summary>Measures the kernels of one step.</summary>
internal sealed class LadderKernels : IDisposable
{
    private readonly LadderModel _model;
    private readonly ModelConfig _config;
    private readonly LadderStep _step;
    private readonly StepRows _rows;
    private readonly AttentionPlan _plan = new();
    private readonly AttentionKernel _attention;
    private readonly ActivationRows _input;
    private readonly RotaryTable? _rotary;
    private readonly AlignedBuffer<float> _start, _x, _h, _q, _k, _v, _a, _gate, _up, _logits;
    private readonly List<LadderTally> _tallies = [];
    private readonly List<(LadderTally Tally, Action Run)> _pieces = [];

    /// <summary>Makes the list of a step's kernels; each runs once.</summary>
    /// <param name="model">The model, with its prompt filled in.</param>
    /// <param name="step">The step.</param>
    public LadderKernels(LadderModel model, LadderStep step)
    {
        (_model, _config, _step) = (model, model.Config, step);
        ModelConfig c = _config;
        _rows = new StepRows(step.Rows);
        model.Arrange(step, _rows, _plan);
        _attention = new AttentionKernel(model.Kv, c.Heads, model.Team, model.KernelPath);
        int queries = c.Heads * c.HeadDim, keys = c.KvHeads * c.HeadDim, widest = Math.Max(c.Width, queries);
        AlignedBuffer<float> Rows(int width) => new((long)step.Rows * width);
        (_start, _x, _h, _q, _a) = (Rows(c.Width), Rows(c.Width), Rows(widest), Rows(queries), Rows(queries));
        (_k, _v, _gate, _up) = (Rows(keys), Rows(keys), Rows(c.FeedForward), Rows(c.FeedForward));
        _logits = new AlignedBuffer<float>((long)step.LogitRows * c.Vocabulary);
        _input = new ActivationRows(step.Rows, Math.Max(widest, c.FeedForward));
        if (c.Architecture.Positions != PositionKind.Learned)
        {
            float[] factors = model.Weights.RotaryFactors(model.Positions) ?? [];
            _rotary = new RotaryTable(c.RotaryDims, c.RotaryBase, c.RotaryScale, factors, c.RotaryAttentionFactor, model.Positions);
            _rotary.EnsurePositions(model.Positions);
        }

        var random = new Random(3);
        foreach (ref float value in _start.Span) value = random.NextSingle() - 0.5f;
        for (int layer = 0; layer < c.Layers; layer++) AddLayer(layer);
        AddNorm(model.Weights.OutputNorm, step.LogitRows, c.Width, _x, _h);
        AddProduct("output", step.LogitRows, c.Width, _h, (model.Weights.Output, _logits));
    }

    /// <summary>The kernels.</summary>
    public IReadOnlyList<LadderTally> Tallies => _tallies;

    /// <summary>The sum of their best times.</summary>
    public double Seconds => _tallies.Sum(tally => tally.Seconds);

    /// <summary>One pass through all layers.</summary>
    public void Pass(CancellationToken cancel)
    {
        _start.Span.CopyTo(_x.Span);
        foreach ((LadderTally tally, Action run) in _pieces)
        {
            cancel.ThrowIfCancellationRequested();
            tally.Run(run);
        }

        foreach (LadderTally tally in _tallies) tally.EndPass();
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose()
    {
        foreach (AlignedBuffer<float> buffer in (AlignedBuffer<float>[])[_start, _x, _h, _q, _k, _v, _a, _gate, _up, _logits]) buffer.Dispose();
        _input.Dispose();
        _attention.Dispose();
        _rotary?.Dispose();
    }

    private void AddLayer(int layer)
    {
        ModelConfig c = _config;
        LayerWeights w = _model.Weights.Layers[layer];
        int rows = _step.Rows, queries = c.Heads * c.HeadDim, keys = c.KvHeads * c.HeadDim;
        AddNorm(w.AttentionNorm, rows, c.Width, _x, _h);
        AddProduct("query, key, value", rows, c.Width, _h, (w.Query, _q), (w.Key, _k), (w.Value, _v));
        if (w.QueryNorm is not null) AddNorm(new Norm(w.QueryNorm, null), rows, queries, _q, _q);
        if (w.KeyNorm is not null) AddNorm(new Norm(w.KeyNorm, null), rows, keys, _k, _k);
        if (_rotary is not null)
        {
            AddRotary(c.Heads, _q);
            AddRotary(c.KvHeads, _k);
        }

        AddKvWrite(layer, keys);
        AddAttention(layer);
        // Behind the last layer's attention only the rows go on that want logits.
        if (layer == c.Layers - 1) rows = _step.LogitRows;
        AddProduct("attention output", rows, queries, _a, (w.AttentionOutput, _h));
        if (w.AttentionPostNorm is not null) AddNorm(w.AttentionPostNorm, rows, c.Width, _h, _h);
        AddResidual(rows);
        AddNorm(w.FeedForwardNorm, rows, c.Width, _x, _h);
        if (w.Gate is null) AddProduct("up", rows, c.Width, _h, (w.Up, _up));
        else AddProduct("gate, up", rows, c.Width, _h, (w.Gate, _gate), (w.Up, _up));
        AddActivation(rows, gated: w.Gate is not null);
        AddProduct("down", rows, c.FeedForward, _up, (w.Down, _h));
        if (w.FeedForwardPostNorm is not null) AddNorm(w.FeedForwardPostNorm, rows, c.Width, _h, _h);
        AddResidual(rows);
    }

    private void AddProduct(string name, int rows, int inputs, AlignedBuffer<float> x, params (Linear Linear, AlignedBuffer<float> Y)[] products)
    {
        KernelWork work = default;
        foreach ((Linear linear, _) in products)
        {
            double operations = 2.0 * rows * linear.Weights.Outputs * inputs;
            bool bytes = TensorTypes.BlockSize(linear.Weights.Type) > 1;
            work += new KernelWork(linear.Weights.Bytes, bytes ? operations : 0, bytes ? 0 : operations);
        }

        Add(name, work, products.Select(product => product.Linear.Weights.Type.ToString()), () =>
        {
            _input.Load(x.Slice(0, rows * inputs), rows, inputs);
            foreach ((Linear linear, AlignedBuffer<float> y) in products)
            {
                Span<float> result = y.Slice(0, rows * linear.Weights.Outputs);
                MatrixProduct.Multiply(_model.KernelPath, _model.Team, linear.Weights, _input, result);
                if (linear.Bias is not null) Arithmetic.AddBias(_model.KernelPath, result, linear.Bias, result);
            }
        });
    }

    /// <summary>Queries, keys, softmax and values count as two operations for each element that a query meets.</summary>
    private void AddAttention(int layer)
    {
        ModelConfig c = _config;
        var options = new AttentionOptions(c.AttentionScale, c.AttentionSoftCap, c.Windows[layer]);
        int queries = _step.Rows * c.Heads * c.HeadDim;
        double tokens = 0;
        for (int row = 0; row < _step.Rows; row++)
        {
            int seen = _rows.Positions[row] + 1;
            tokens += options.Window > 0 ? Math.Min(seen, options.Window) : seen;
        }

        Action attend = () => _attention.Attend(_plan, layer, _q.Slice(0, queries), _a.Slice(0, queries), options);
        _attention.ResetCounters();
        attend();
        long bytes = _attention.SharedBytesRead + _attention.PrivateBytesRead;
        Add("attention", new KernelWork(bytes, 0, 4 * tokens * c.Heads * c.HeadDim), [_model.Kv.Type.ToString()], attend);
    }

    private void AddNorm(Norm norm, int rows, int width, AlignedBuffer<float> x, AlignedBuffer<float> output) =>
        AddElementwise("norm", 2L * rows * width * sizeof(float), () =>
        {
            Span<float> from = x.Slice(0, rows * width), to = output.Slice(0, rows * width);
            if (norm.Bias is null) RmsNorm.Normalize(_model.KernelPath, from, norm.Weight, _config.NormEpsilon, to, _model.Team);
            else LayerNorm.Normalize(_model.KernelPath, from, norm.Weight, norm.Bias, _config.NormEpsilon, to, _model.Team);
        });

    private void AddRotary(int heads, AlignedBuffer<float> values)
    {
        int width = heads * _config.HeadDim, rows = _step.Rows;
        RotaryStyle style = _config.Architecture.Positions == PositionKind.RotaryInterleaved ? RotaryStyle.Interleaved : RotaryStyle.Halves;
        var shape = new RotaryShape(heads, _config.HeadDim, width, style);
        AddElementwise("rotary", 2L * rows * width * sizeof(float), () =>
            Rotary.Rotate(_model.KernelPath, values.Slice(0, rows * width), shape, _rows.Positions.AsSpan(0, rows), _rotary!, _model.Team));
    }

    private void AddKvWrite(int layer, int width) =>
        AddElementwise("key and value write", 2L * _step.Rows * ((width * sizeof(float)) + _model.Kv.Type.Bytes(width)), () =>
        {
            for (int row = 0; row < _step.Rows; row++)
                _model.Kv.Write(_model.KernelPath, layer, _rows.Pages[row], _rows.Slots[row], _k.Slice(row * width, width), _v.Slice(row * width, width));
        });

    private void AddActivation(int rows, bool gated)
    {
        int count = rows * _config.FeedForward;
        FeedForwardKind kind = gated ? _config.Architecture.FeedForward : FeedForwardKind.Gelu;
        AddElementwise("activation", (gated ? 3L : 2L) * count * sizeof(float), () =>
        {
            Span<float> gate = _gate.Slice(0, count), up = _up.Slice(0, count);
            if (kind == FeedForwardKind.SwiGlu) Activations.SwiGlu(_model.KernelPath, gate, up, up, _model.Team);
            else if (kind == FeedForwardKind.GeGlu) Activations.GeGlu(_model.KernelPath, gate, up, up, _model.Team);
            else Activations.Gelu(_model.KernelPath, up, up, _model.Team);
        });
    }

    private void AddResidual(int rows)
    {
        int count = rows * _config.Width;
        AddElementwise("residual sum", 3L * count * sizeof(float), () =>
            Arithmetic.Add(_model.KernelPath, _x.Slice(0, count), _h.Slice(0, count), _x.Slice(0, count), _model.Team));
    }

    private void AddElementwise(string name, long bytes, Action run) => Add(name, new KernelWork(bytes, 0, 0), [], run, bounded: false);

    private void Add(string name, KernelWork work, IEnumerable<string> types, Action run, bool bounded = true)
    {
        LadderTally? tally = _tallies.Find(tally => tally.Name == name);
        if (tally is null) _tallies.Add(tally = new LadderTally(name, bounded));
        tally.AddWork(work, types);
        _pieces.Add((tally, run));
    }
}
