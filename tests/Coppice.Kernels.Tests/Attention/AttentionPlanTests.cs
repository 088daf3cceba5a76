using Coppice.Kernels.Attention;

namespace Coppice.Kernels.Tests.Attention;

public sealed class AttentionPlanTests
{
    [Fact]
    public void Enough_heads_for_the_threads_leave_a_tree_whole()
    {
        AttentionPlan plan = Decode(2048, 4);
        plan.Build(AttentionMode.Bifurcated, 2, 8, 1);
        Assert.Equal(1, plan.UnitCount);
        plan.Build(AttentionMode.Repeated, 2, 8, 1);
        Assert.Equal(4, plan.UnitCount);
    }

    [Fact]
    public void Idle_threads_split_a_long_context_by_spans()
    {
        AttentionPlan plan = Decode(2048, 1);
        plan.Build(AttentionMode.Bifurcated, 16, 1, 1);
        Assert.Equal(5, plan.UnitCount);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(512)]
    [InlineData(8192)]
    public void One_sample_is_the_same_work_in_both_modes(int context)
    {
        AttentionPlan bifurcated = Decode(context, 1), repeated = Decode(context, 1);
        bifurcated.Build(AttentionMode.Bifurcated, 2, 8, 4);
        repeated.Build(AttentionMode.Repeated, 2, 8, 4);
        Assert.Equal(bifurcated.Units.Items.ToArray(), repeated.Units.Items.ToArray());
        Assert.Equal(bifurcated.Runs.Items.ToArray(), repeated.Runs.Items.ToArray());
    }

    [Fact]
    public void A_prefill_is_cut_into_blocks_of_rows()
    {
        var plan = new AttentionPlan();
        int prompt = plan.AddSegment(-1, 0, 200, Pages(200), false);
        for (int i = 0; i < 200; i++) plan.AddRow(prompt, i);
        plan.Build(AttentionMode.Bifurcated, 2, 8, 1);
        Assert.Equal(4, plan.UnitCount);
    }

    [Fact]
    public void Rows_out_of_order_are_refused()
    {
        var plan = new AttentionPlan();
        int root = plan.AddSegment(-1, 0, 10, Pages(10), false);
        int a = plan.AddSegment(root, 10, 1, Pages(1), true);
        int b = plan.AddSegment(root, 10, 1, Pages(1), true);
        plan.AddRow(a, 10);
        plan.AddRow(b, 10);
        plan.AddRow(a, 10);
        Assert.Throws<InvalidOperationException>(() => plan.Build(AttentionMode.Bifurcated, 1, 1, 1));
    }

    [Fact]
    public void A_segment_that_does_not_continue_its_parent_is_refused()
    {
        var plan = new AttentionPlan();
        plan.AddSegment(-1, 0, 10, Pages(10), false);
        Assert.Throws<ArgumentException>(() => plan.AddSegment(0, 11, 1, Pages(1), true));
        Assert.Throws<ArgumentException>(() => plan.AddSegment(0, 10, 17, Pages(16), true));
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.AddSegment(1, 10, 1, Pages(1), true));
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.AddRow(1, 10));
    }

    private static AttentionPlan Decode(int context, int branches)
    {
        var plan = new AttentionPlan();
        int root = plan.AddSegment(-1, 0, context, Pages(context), false);
        for (int b = 0; b < branches; b++) plan.AddRow(plan.AddSegment(root, context, 1, Pages(1), true), context);
        return plan;
    }

    private static int[] Pages(int tokens) => [.. Enumerable.Range(0, (tokens + 15) / 16)];
}
