using Coppice.Perception.Data;

namespace Coppice.Perception.Training;

/// <summary>Which scene each image of a training is: all scenes in an order that is drawn anew for each pass.</summary>
/// <param name="count">Number of scenes.</param>
/// <param name="seed">Another seed, other orders.</param>
internal sealed class SceneOrder(int count, ulong seed)
{
    private const int OrderStream = 11;

    private readonly int[] _order = new int[count];
    private long _pass = -1;

    /// <summary>Index of the scene of an image, counted from the start of the training.</summary>
    public int At(long image)
    {
        long pass = image / count;
        if (pass != _pass)
        {
            _pass = pass;
            for (int i = 0; i < count; i++) _order[i] = i;
            var random = new SceneRandom(seed, pass, OrderStream);
            for (int i = count - 1; i > 0; i--)
            {
                int other = random.Below(i + 1);
                (_order[i], _order[other]) = (_order[other], _order[i]);
            }
        }

        return _order[image % count];
    }
}
