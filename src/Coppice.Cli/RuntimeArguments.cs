using System.CommandLine;
using Coppice.Kernels.Attention;

namespace Coppice.Cli;

/// <summary>How the engine computes: threads, storage of weights, keys and values, how a shared context is read.</summary>
internal sealed class RuntimeArguments
{
    /// <summary>The option that says where weights are.</summary>
    public const string WeightsName = "--weights";

    private readonly Option<int?> _threads = OptionParsers.Number("--threads", "Threads to compute with; all cores if not given.", 1, 1024);

    private readonly Option<KvType> _kv = OptionParsers.Choice(
        "--kv", "How keys and values are stored", ("f16", KvType.F16), ("f32", KvType.F32), ("q8_0", KvType.Q8_0));

    private readonly Option<WeightStorage> _weights = OptionParsers.Choice(
        WeightsName, "Whether weights are repacked at load, for speed, or used from the mapped file, which must then not change",
        ("packed", WeightStorage.Packed), ("mapped", WeightStorage.Mapped));

    private readonly Option<AttentionMode> _attention = OptionParsers.Choice(
        "--attention", "Whether a shared context is read once for all samples or once for each",
        ("bifurcated", AttentionMode.Bifurcated), ("repeated", AttentionMode.Repeated));

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">Gets the options.</param>
    /// <param name="withAttention">Whether it has a choice of one way to read a shared context.</param>
    public void AddTo(Command command, bool withAttention = true)
    {
        command.Add(_threads);
        command.Add(_kv);
        command.Add(_weights);
        if (withAttention) command.Add(_attention);
    }

    /// <summary>Threads to compute with.</summary>
    public int Threads(ParseResult parsed) => parsed.GetValue(_threads) ?? Environment.ProcessorCount;

    /// <summary>How keys and values are stored.</summary>
    public KvType Kv(ParseResult parsed) => parsed.GetValue(_kv);

    /// <summary>Where weights are.</summary>
    public WeightStorage Weights(ParseResult parsed) => parsed.GetValue(_weights);

    /// <summary>How a shared context is read.</summary>
    public AttentionMode Attention(ParseResult parsed) => parsed.GetValue(_attention);
}
