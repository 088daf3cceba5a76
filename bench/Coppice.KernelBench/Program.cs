// Matrix products and attention against what the machine can do in the same minute.
//   Coppice.KernelBench [type,type,...] [rows,rows,...] [threads] [path]
//   Coppice.KernelBench attention [f16,f32,...] [1,32,r32,prefill,...] [tokens,...] [threads] [path] [heads/kvHeads x headDim]
// where r32 is 32 rows that each read the context themselves.
//   Coppice.KernelBench team [threads] [busy,busy,...]
// times loops of the worker team beside so many threads that never rest.
// Few rows are held against the rate at which memory can be read, many rows against integer or float arithmetic in registers, both
// measured before each type.
using System.Globalization;
using Coppice.KernelBench;
using Coppice.Kernels;
using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;

const int Inputs = 8192;
if (args is ["attention", ..])
{
    AttentionBench.Run(args[1..]);
    return;
}

if (args is ["team", ..])
{
    TeamBench.Run(args[1..]);
    return;
}

string[] types = (args.Length > 0 ? args[0] : "q8_0,q4_0,q4_k,q6_k,f16").Split(',');
int[] rowCounts = [.. (args.Length > 1 ? args[1] : "1,8,32,512").Split(',').Select(s => int.Parse(s, CultureInfo.InvariantCulture))];
int threads = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : Environment.ProcessorCount;
KernelPath path = args.Length > 3 ? Enum.Parse<KernelPath>(args[3], ignoreCase: true) : KernelPaths.Best;
Clock.Processor = threads == 1;
using var team = new WorkerTeam(threads);
Console.WriteLine($"{threads} threads, {path}; inputs {Inputs}; best of several, {(Clock.Processor ? "processor" : "elapsed")} time");
Console.WriteLine("type   weights rows outputs |      ms    GB/s  read GB/s    % |    GOP/s  peak GOP/s    %");
foreach (string name in types)
{
    TensorType type = TensorTypes.Parse(name) ?? throw new ArgumentException($"no type {name}", nameof(args));
    MachineLimits limits = MachineLimits.Measure(team);
    foreach (bool large in new[] { true, false })
    {
        int[] some = [.. rowCounts.Where(r => large == r <= 4)];
        if (some.Length > 0) Measure(type, large ? Outputs(type) : 2048, some, limits);
    }
}

// A matrix for few rows is larger than the caches: about half a gigabyte.
static int Outputs(TensorType type) => (int)(512L * 1024 * 1024 / TensorTypes.Bytes(type, Inputs) / 64 * 64);

void Measure(TensorType type, int outputs, int[] rows, MachineLimits limits)
{
    double readRate = limits.MemoryRead.All;
    double peak = TensorTypes.BlockSize(type) > 1 && limits.ByteDot is { } dot ? dot.All : limits.MultiplyAdd.All;
    using var source = new AlignedBuffer<byte>(TensorTypes.Bytes(type, Inputs) * outputs);
    FillBlocks(type, source.Span);
    double packing = Clock.Best(3, () => WeightMatrix.Pack(type, outputs, Inputs, NativeBytes.Of(source), team, path).Dispose());
    Console.WriteLine($"{type,-6} packing      {outputs,7} | {packing * 1e3,7:f2} {source.Bytes / packing / 1e9,7:f1}");
    using WeightMatrix packed = WeightMatrix.Pack(type, outputs, Inputs, NativeBytes.Of(source), team, path);
    using WeightMatrix mapped = WeightMatrix.Map(type, outputs, Inputs, NativeBytes.Of(source));
    foreach ((WeightMatrix weights, int count) in rows.SelectMany(count => new[] { (packed, count), (mapped, count) }))
    {
        using var x = new ActivationRows(count, Inputs);
        var random = new Random(1);
        Span<float> values = x.Fill(count, Inputs);
        for (int i = 0; i < values.Length; i++) values[i] = random.NextSingle() - 0.5f;
        var y = new float[count * outputs];
        int runs = count > 64 || count <= 4 ? 7 : 21;
        double seconds = Clock.Best(runs, () =>
        {
            x.Fill(count, Inputs); // quantize again
            MatrixProduct.Multiply(path, team, weights, x, y);
        });
        double bytes = weights.Bytes, ops = 2.0 * count * outputs * Inputs;
        Console.WriteLine(
            $"{type,-6} {(weights == packed ? "packed" : "mapped"),-7} {count,4} {outputs,7} | {seconds * 1e3,7:f2} {bytes / seconds / 1e9,7:f1} {readRate / 1e9,10:f1} {bytes / seconds / readRate,5:p0}"
            + $"| {ops / seconds / 1e9,8:f0} {peak / 1e9,11:f0} {ops / seconds / peak,5:p0}");
    }
}

// A megabyte of encoded random weights, repeated.
static void FillBlocks(TensorType type, Span<byte> blocks)
{
    var random = new Random(1);
    int block = Math.Max(256, TensorTypes.BlockSize(type));
    var values = new float[64 * Inputs / block * block];
    for (int i = 0; i < values.Length; i++) values[i] = (random.NextSingle() - 0.5f) / 16;
    var some = new byte[TensorTypes.Bytes(type, values.Length)];
    BlockCodec.Encode(type, values, some);
    for (int at = 0; at < blocks.Length; at += some.Length)
        some.AsSpan(0, Math.Min(some.Length, blocks.Length - at)).CopyTo(blocks[at..]);
}
