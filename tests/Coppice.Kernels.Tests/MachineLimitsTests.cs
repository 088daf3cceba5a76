using System.Runtime.Intrinsics.X86;
using Coppice.Kernels.Emitted;

namespace Coppice.Kernels.Tests;

public sealed class MachineLimitsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void What_the_processor_has_is_measured_and_nothing_else(int threads)
    {
        using var team = new WorkerTeam(threads);
        using var meter = new LimitMeter(team, 16 << 20);
        Assert.Throws<InvalidOperationException>(() => meter.Limits);
        meter.Measure();
        MachineLimits limits = meter.Limits;
        Assert.Equal(threads, limits.Threads);
        AssertPositive(limits.MemoryRead);
        AssertPositive(limits.MultiplyAdd);
        Assert.Equal(AvxVnni.IsSupported, limits.ByteDot256 is not null);
        Assert.Equal(EmittedCode.IsAvailable, limits.ByteDot512 is not null);
        if (limits.ByteDot256 is { } narrow) AssertPositive(narrow);
        if (limits.ByteDot512 is { } wide) AssertPositive(wide);
        Assert.Equal(limits.ByteDot512 ?? limits.ByteDot256, limits.ByteDot);
    }

    [Fact]
    public void More_rounds_never_lower_a_limit()
    {
        using var team = new WorkerTeam(2);
        using var meter = new LimitMeter(team, 16 << 20);
        meter.Measure();
        MachineLimits last = meter.Limits;
        for (int round = 0; round < 5; round++)
        {
            meter.Measure();
            MachineLimits limits = meter.Limits;
            Assert.True(limits.MemoryRead.One >= last.MemoryRead.One && limits.MemoryRead.All >= last.MemoryRead.All);
            Assert.True(limits.MultiplyAdd.One >= last.MultiplyAdd.One && limits.MultiplyAdd.All >= last.MultiplyAdd.All);
            last = limits;
        }
    }

    [Theory]
    [InlineData(2, 1.91, true)]
    [InlineData(2, 1.89, false)]
    [InlineData(1, 1, true)]
    [InlineData(8, 7.5, false)]
    public void A_machine_is_quiet_if_its_threads_have_a_core_each(int threads, double ratio, bool quiet)
    {
        var limits = new MachineLimits { Threads = threads, MemoryRead = new(1, 1), MultiplyAdd = new(2e9, 2e9 * ratio) };
        Assert.Equal(quiet, limits.IsQuiet);
        Assert.Equal(ratio, limits.MultiplyAdd.Ratio, 6);
    }

    [Fact]
    public void Where_code_is_refused_there_is_no_512_bit_limit() => Assert.Null(EmittedDots.TryCreate(available: false));

    private static void AssertPositive(MachineRate rate)
    {
        Assert.True(rate.One > 0 && double.IsFinite(rate.One));
        Assert.True(rate.All > 0 && double.IsFinite(rate.All));
    }
}
