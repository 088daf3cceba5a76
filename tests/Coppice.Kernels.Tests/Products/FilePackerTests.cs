using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Tests.Products;

public sealed class FilePackerTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(TensorType.Q8_0, 1000, 512)]
    [InlineData(TensorType.Q6_K, 33, 16_384)]
    [InlineData(TensorType.F16, 3, 7)]
    [InlineData(TensorType.F32, 65, 4096)]
    public void A_file_is_packed_as_memory_is(TensorType type, int outputs, int inputs)
    {
        const int Start = 37;
        byte[] blocks = ProductCase.RandomBlocks(type, outputs * inputs, seed: 1);
        File.WriteAllBytes(_path, [.. new byte[Start], .. blocks, .. new byte[5]]);
        using var team = new WorkerTeam(3);
        using var file = new MappedFile(_path);
        using var packer = new FilePacker(file, team, KernelPaths.Best);
        using WeightMatrix expected = ProductCase.Pack(type, outputs, inputs, blocks, team);
        using WeightMatrix small = packer.Pack(type, 1, inputs, Start);
        using WeightMatrix all = packer.Pack(type, outputs, inputs, Start);
        Assert.Equal(Bytes(expected), Bytes(all));
        Assert.Equal(expected.AllFinite, all.AllFinite);
    }

    [Fact]
    public void What_a_file_does_not_hold_is_refused()
    {
        File.WriteAllBytes(_path, new byte[34 * 64]);
        using var team = new WorkerTeam(2);
        using var file = new MappedFile(_path);
        using var packer = new FilePacker(file, team, KernelPaths.Best);
        Assert.Throws<ArgumentOutOfRangeException>(() => packer.Pack(TensorType.Q8_0, 65, 32, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => packer.Pack(TensorType.Q8_0, 64, 32, 1));
        Assert.Throws<ArgumentException>(() => packer.Pack(TensorType.Q8_0, 1, 33, 0));
        packer.Pack(TensorType.Q8_0, 64, 32, 0).Dispose();
    }

    [Fact]
    public void A_file_that_was_truncated_since_is_an_error()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("a mapped file can't be truncated there");
        File.WriteAllBytes(_path, new byte[34 * 64]);
        using var team = new WorkerTeam(2);
        using var file = new MappedFile(_path);
        using var packer = new FilePacker(file, team, KernelPaths.Best);
        // As another program would: the runtime locks against its own kind.
        using (var process = System.Diagnostics.Process.Start("truncate", ["-s", "100", _path])) process.WaitForExit();
        Assert.Contains(_path, Assert.Throws<EndOfStreamException>(() => packer.Pack(TensorType.Q8_0, 64, 32, 0)).Message, StringComparison.Ordinal);
    }

    private static unsafe byte[] Bytes(WeightMatrix weights) => new ReadOnlySpan<byte>(weights.Data, (int)weights.Bytes).ToArray();
}
