using Microsoft.ML.OnnxRuntime;

namespace Coppice.Graphs;

/// <summary>
/// A graph made ready for running on ONNX Runtime. Inputs and outputs are buffers that the caller keeps: a run allocates none of them.
/// A buffer must not be both input and output of one run: the runtime may write an output before it has read the input.
/// Not safe for several threads.
/// </summary>
public sealed class GraphSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();
    private readonly (ElementType Type, Shape Shape)[] _inputs;
    private readonly (ElementType Type, Shape Shape)[] _outputs;
    private bool _disposed;

    /// <summary>Makes a graph ready; takes tens of milliseconds for hundreds of nodes.</summary>
    /// <param name="graph">A graph with outputs. Parameters are inputs of the run.</param>
    /// <param name="options">How it is run.</param>
    /// <exception cref="GraphException">The runtime refuses the graph.</exception>
    public GraphSession(Graph graph, GraphRunOptions? options = null)
        : this(OnnxFile.Serialize(graph ?? throw new ArgumentNullException(nameof(graph))), options)
    {
    }

    /// <summary>Makes the bytes of an ONNX file ready.</summary>
    /// <param name="model">The bytes.</param>
    /// <param name="options">How it is run.</param>
    /// <exception cref="GraphException">The runtime refuses the graph.</exception>
    public GraphSession(byte[] model, GraphRunOptions? options = null)
    {
        options ??= new GraphRunOptions();
        using var settings = new SessionOptions
        {
            IntraOpNumThreads = options.Threads,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = options.Optimize ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_DISABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        settings.AddSessionConfigEntry("session.intra_op.allow_spinning", options.Spin ? "1" : "0");
        settings.AddSessionConfigEntry("session.set_denormal_as_zero", "1");
        try
        {
            Append(settings, options.Provider);
            _session = new InferenceSession(model, settings);
        }
        catch (OnnxRuntimeException e)
        {
            throw new GraphException($"ONNX Runtime refuses the graph: {OneLine(e.Message)}", e);
        }

        InputNames = _session.InputNames;
        OutputNames = _session.OutputNames;
        _inputs = [.. InputNames.Select(n => Taken(n, _session.InputMetadata[n]))];
        _outputs = [.. OutputNames.Select(n => Taken(n, _session.OutputMetadata[n]))];
    }

    /// <summary>Names of the inputs, in the graph's order: inputs, then parameters that are not stored.</summary>
    public IReadOnlyList<string> InputNames { get; }

    /// <summary>Names of the outputs, in the graph's order.</summary>
    public IReadOnlyList<string> OutputNames { get; }

    /// <summary>A buffer for each of <see cref="InputNames"/>, the caller's to dispose.</summary>
    public GraphBuffer[] NewInputs() => Array.ConvertAll(_inputs, i => new GraphBuffer(i.Type, i.Shape));

    /// <summary>A buffer for each of <see cref="OutputNames"/>, the caller's to dispose.</summary>
    public GraphBuffer[] NewOutputs() => Array.ConvertAll(_outputs, o => new GraphBuffer(o.Type, o.Shape));

    /// <summary>Runs the graph.</summary>
    /// <param name="inputs">A buffer for each of <see cref="InputNames"/>.</param>
    /// <param name="outputs">A buffer for each of <see cref="OutputNames"/>, none of them an input.</param>
    /// <exception cref="GraphException">A buffer has another type or shape than its input or output, or is both; or the run failed.</exception>
    public void Run(IReadOnlyList<GraphBuffer> inputs, IReadOnlyList<GraphBuffer> outputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(outputs);
        ObjectDisposedException.ThrowIf(_disposed, this);
        Check("input", InputNames, _inputs, inputs);
        Check("output", OutputNames, _outputs, outputs);
        var read = new HashSet<GraphBuffer>(inputs);
        for (int i = 0; i < outputs.Count; i++)
        {
            if (read.Contains(outputs[i])) throw new GraphException($"output '{OutputNames[i]}': its buffer is an input of the same run");
        }

        try
        {
            _session.Run(_run, InputNames, [.. inputs.Select(b => b.OrtValue)], OutputNames, [.. outputs.Select(b => b.OrtValue)]);
        }
        catch (OnnxRuntimeException e)
        {
            throw new GraphException($"the run failed: {OneLine(e.Message)}", e);
        }
    }

    /// <summary>Runs the graph once and copies what it yields: for tests and single runs.</summary>
    /// <param name="inputs">Elements of each input by name.</param>
    /// <returns>Elements of each output by name.</returns>
    /// <exception cref="GraphException">An input is missing, unknown, or of another type or shape; or the run failed.</exception>
    public IReadOnlyDictionary<string, TensorData> Run(IReadOnlyDictionary<string, TensorData> inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ObjectDisposedException.ThrowIf(_disposed, this);
        foreach (string name in inputs.Keys)
        {
            if (!InputNames.Contains(name)) throw new GraphException($"the graph has no input '{name}'; it has {string.Join(", ", InputNames)}");
        }

        var given = new List<GraphBuffer>();
        try
        {
            foreach (string name in InputNames)
            {
                if (!inputs.TryGetValue(name, out TensorData? data)) throw new GraphException($"input '{name}' is missing");
                var buffer = new GraphBuffer(data.Type, data.Shape);
                given.Add(buffer);
                buffer.Load(data);
            }

            Check("input", InputNames, _inputs, given);
            using IDisposableReadOnlyCollection<OrtValue> results =
                _session.Run(_run, InputNames, [.. given.Select(b => b.OrtValue)], OutputNames);
            return OutputNames.Zip(results, (name, value) => (name, Copy(value))).ToDictionary(p => p.name, p => p.Item2);
        }
        catch (OnnxRuntimeException e)
        {
            throw new GraphException($"the run failed: {OneLine(e.Message)}", e);
        }
        finally
        {
            foreach (GraphBuffer buffer in given) buffer.Dispose();
        }
    }

    /// <summary>Frees the runtime's memory.</summary>
    public void Dispose()
    {
        _disposed = true;
        _run.Dispose();
        _session.Dispose();
    }

    private static void Append(SessionOptions settings, ExecutionProvider provider)
    {
        string[] available = OrtEnv.Instance().GetAvailableProviders();
        if (!available.Contains(provider + "ExecutionProvider", StringComparer.OrdinalIgnoreCase) && !available.Contains(provider == ExecutionProvider.DirectMl ? "DmlExecutionProvider" : "", StringComparer.Ordinal))
            throw new GraphException($"provider {provider}: this build of ONNX Runtime has {string.Join(", ", available)}");
        switch (provider)
        {
            case ExecutionProvider.Cuda:
                settings.AppendExecutionProvider_CUDA();
                break;
            case ExecutionProvider.TensorRt:
                settings.AppendExecutionProvider_Tensorrt();
                settings.AppendExecutionProvider_CUDA();
                break;
            case ExecutionProvider.MiGraphX:
                settings.AppendExecutionProvider_MIGraphX();
                break;
            case ExecutionProvider.DirectMl:
                settings.AppendExecutionProvider_DML();
                break;
            case ExecutionProvider.CoreMl:
                settings.AppendExecutionProvider_CoreML();
                break;
            case ExecutionProvider.OpenVino:
                settings.AppendExecutionProvider_OpenVINO();
                break;
            default:
                break;
        }
    }

    private static void Check(
        string kind, IReadOnlyList<string> names, (ElementType Type, Shape Shape)[] expected, IReadOnlyList<GraphBuffer> buffers)
    {
        if (buffers.Count != names.Count) throw new GraphException($"the graph has {names.Count} {kind}s, not {buffers.Count}");
        for (int i = 0; i < expected.Length; i++)
        {
            GraphBuffer buffer = buffers[i];
            if (buffer.Type != expected[i].Type || buffer.Shape != expected[i].Shape)
                throw new GraphException($"{kind} '{names[i]}' is {buffer.Type} {buffer.Shape}; expected {expected[i].Type} {expected[i].Shape}");
        }
    }

    private (ElementType Type, Shape Shape) Taken(string name, NodeMetadata metadata)
    {
        int[] dims = metadata.IsTensor ? metadata.Dimensions : [-1];
        if (!Array.Exists(dims, d => d < 0)) return ((ElementType)metadata.ElementDataType, new(dims));
        _session.Dispose();
        throw new GraphException($"'{name}' is no tensor of a known shape");
    }

    private static TensorData Copy(OrtValue value)
    {
        OrtTensorTypeAndShapeInfo info = value.GetTensorTypeAndShape();
        Shape shape = new(Array.ConvertAll(info.Shape, d => checked((int)d)));
        return new TensorData((ElementType)info.ElementDataType, shape, value.GetTensorMutableRawData().ToArray());
    }

    private static string OneLine(string text) => string.Join(' ', text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
