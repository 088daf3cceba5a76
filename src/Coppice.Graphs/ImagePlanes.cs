namespace Coppice.Graphs;

/// <summary>
/// An image as the planes that a moving kernel's elements see: plane (y, x) holds, for each place of the kernel, the element under the
/// kernel's element (y, x). Strides split the image into phases first (space to depth), so that each plane is a stretch of one phase
/// without steps: slices with steps are several times slower.
/// </summary>
internal sealed class ImagePlanes
{
    private readonly Value _padded;
    private readonly Window _window;
    private readonly Extent _places;
    private readonly int _channels;
    private readonly bool _inDepth;
    private readonly Dictionary<(int PhaseY, int X), Value> _columns = [];

    /// <summary>Adds the padding and the phases to the image's graph.</summary>
    /// <param name="image">[images, channels, height, width].</param>
    /// <param name="kernel">Size of the kernel.</param>
    /// <param name="window">How it moves.</param>
    /// <param name="places">Number of its places.</param>
    /// <param name="outside">What is around the image.</param>
    public ImagePlanes(Value image, Extent kernel, Window window, Extent places, float outside = 0)
    {
        _window = window;
        _places = places;
        _channels = image.Shape[1];
        Extent stride = window.Stride;
        bool phases = stride.Y == stride.X && stride.Y > 1
            && (PhaseCount(kernel.Y, window.Dilation.Y, stride.Y) > 1 || PhaseCount(kernel.X, window.Dilation.X, stride.X) > 1);
        _inDepth = phases;
        Size = phases
            ? new(places.Y + ((kernel.Y - 1) * window.Dilation.Y / stride.Y), places.X + ((kernel.X - 1) * window.Dilation.X / stride.X))
            : new(((places.Y - 1) * stride.Y) + window.Span(kernel).Y, ((places.X - 1) * stride.X) + window.Span(kernel).X);
        _padded = Fit(image, outside);
        if (phases) _padded = _padded.SpaceToDepth(stride.Y);
    }

    /// <summary>Size of a phase.</summary>
    public Extent Size { get; }

    /// <summary>The plane of one of the kernel's elements: [images, channels, places].</summary>
    public Value Plane(int y, int x)
    {
        int down = y * _window.Dilation.Y, right = x * _window.Dilation.X;
        int n = _padded.Shape[0];
        if (!_inDepth)
        {
            Value rows = Columns(0, right, _window.Stride.X);
            if (_window.Stride.Y > 1)
                return rows.Slice(2, down, down + ((_places.Y - 1) * _window.Stride.Y) + 1, _window.Stride.Y).Reshape(new(n, _channels, _places.Y * _places.X));
            return Rows(rows, down);
        }

        return Rows(Columns(down % _window.Stride.Y, right, 1), down / _window.Stride.Y);
    }

    /// <summary>An image that has in each place the sum of what lies in the planes there: the transpose of <see cref="Plane"/>.</summary>
    /// <param name="planes">A plane for each of the kernel's elements.</param>
    /// <param name="image">Shape of the image.</param>
    public Value Sum(Value[,] planes, Shape image)
    {
        Extent stride = _window.Stride, block = _inDepth ? stride : 1, step = _inDepth ? 1 : stride;
        var phases = new Value?[block.Y * block.X];
        for (int y = 0; y < planes.GetLength(0); y++)
        {
            for (int x = 0; x < planes.GetLength(1); x++)
            {
                int down = y * _window.Dilation.Y, right = x * _window.Dilation.X, phase = (down % block.Y * block.X) + (right % block.X);
                Value plane = planes[y, x].Reshape(new(image[0], _channels, _places.Y, _places.X));
                Value rows = ShapeGradients.Unsliced(plane, 2, down / block.Y, step.Y, Size.Y);
                Value part = ShapeGradients.Unsliced(rows, 3, right / block.X, step.X, Size.X);
                phases[phase] = phases[phase] is { } sum ? sum + part : part;
            }
        }

        Value whole = phases[0]!;
        if (_inDepth)
        {
            Shape phase = whole.Shape;
            whole = Operators.Concat([.. phases.Select(p => p ?? whole.Graph.Fill(0, phase))], 1).DepthToSpace(stride.Y);
        }

        (Border border, Extent seen) = Frame(image);
        if (border != 0) whole = whole.Slice([(2, border.Top, border.Top + seen.Y), (3, border.Left, border.Left + seen.X)]);
        Border unseen = new(0, 0, image[2] - seen.Y, image[3] - seen.X);
        return unseen == 0 ? whole : whole.Pad(unseen);
    }

    /// <summary>The columns that the kernel's elements of one column see, all rows: made once.</summary>
    private Value Columns(int phaseY, int right, int step)
    {
        if (_columns.TryGetValue((phaseY, right), out Value? columns)) return columns;
        if (_inDepth)
        {
            int stride = _window.Stride.X, phase = (phaseY * stride) + (right % stride), start = right / stride;
            columns = _padded.Slice([(1, phase * _channels, (phase + 1) * _channels), (3, start, start + _places.X)]);
        }
        else
        {
            columns = _padded.Slice(3, right, right + ((_places.X - 1) * step) + 1, step);
        }

        return _columns[(phaseY, right)] = columns;
    }

    /// <summary>Rows of a plane are one stretch of memory where all columns are taken.</summary>
    private Value Rows(Value columns, int start)
    {
        int n = columns.Shape[0], width = _places.X, height = columns.Shape[2];
        Value plane = columns.Reshape(new(n * _channels, height * width));
        if (height != _places.Y) plane = plane.Slice(1, start * width, (start + _places.Y) * width);
        return plane.Reshape(new(n, _channels, _places.Y * width));
    }

    private static int PhaseCount(int kernel, int dilation, int stride) =>
        Enumerable.Range(0, kernel).Select(k => k * dilation % stride).Distinct().Count();

    /// <summary>The padded image, cut or padded further to a size.</summary>
    private Value Fit(Value image, float outside)
    {
        (Border border, Extent seen) = Frame(image.Shape);
        if (seen != new Extent(image.Shape[2], image.Shape[3])) image = image.Slice([(2, 0, seen.Y), (3, 0, seen.X)]);
        return border == 0 ? image : image.Pad(border, outside);
    }

    /// <summary>What is put around an image, and how much of it kernels reach.</summary>
    private (Border Border, Extent Seen) Frame(Shape image)
    {
        Extent size = _inDepth ? new(Size.Y * _window.Stride.Y, Size.X * _window.Stride.X) : Size;
        int top = Math.Min(_window.Padding.Top, size.Y), left = Math.Min(_window.Padding.Left, size.X);
        int height = Math.Min(image[2], size.Y - top), width = Math.Min(image[3], size.X - left);
        return (new(top, left, size.Y - top - height, size.X - left - width), new(height, width));
    }
}
