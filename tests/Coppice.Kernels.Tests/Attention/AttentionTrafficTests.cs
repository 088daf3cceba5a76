using Coppice.Kernels.Attention;

namespace Coppice.Kernels.Tests.Attention;

public sealed class AttentionTrafficTests
{
    [Theory]
    [InlineData(AttentionMode.Bifurcated)]
    [InlineData(AttentionMode.Repeated)]
    public void What_blocks_of_a_prefill_read_is_told_apart(AttentionMode mode)
    {
        const int context = 128, branches = 3, prefilled = 2 * AttentionPlan.BlockRows + 10;
        var shape = new Shape(4, 2, 16, KvType.F16);
        long token = 2L * 2 * 16 * 2;
        foreach (Code code in Code.Available)
        {
            var forest = new Forest();
            int root = forest.Add(-1, 1, context);
            int question = forest.Add(root, 2, prefilled);
            forest.AddRows(question, prefilled);
            for (int b = 0; b < branches; b++) forest.AddRows(forest.Add(root, 10 + b, 5, isPrivate: true), 1);
            using var run = new ForestRun(forest, shape, new Way(code, mode));
            run.Attend();
            long readers = mode == AttentionMode.Bifurcated ? 1 : branches;
            Assert.Equal(token * context * readers, run.Kernel.BytesReadTogether(root));
            Assert.Equal(token * context * (readers + 3), run.Kernel.BytesRead(root));
            Assert.Equal(0, run.Kernel.BytesReadTogether(question));
            Assert.True(run.Kernel.BytesRead(question) > 0);
            Assert.Equal(token * 5, run.Kernel.BytesReadTogether(2));
            run.Kernel.ResetCounters();
            Assert.Equal(0, run.Kernel.BytesRead(root) + run.Kernel.BytesReadTogether(root));
        }
    }
}
