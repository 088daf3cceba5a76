using Coppice;
using Coppice.Chat;
using Microsoft.Extensions.AI;

using var engine = Engine.Load(args[0]);
IChatClient client = new CoppiceChatClient(engine);
List<ChatMessage> conversation = [new(ChatRole.System, "Answer in one sentence.")];

while (Console.ReadLine() is { Length: > 0 } line)
{
    conversation.Add(new(ChatRole.User, line));
    var updates = new List<ChatResponseUpdate>();
    try
    {
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(conversation, new() { MaxOutputTokens = 64 }))
        {
            Console.Write(update.Text);
            updates.Add(update);
        }
    }
    catch (RequestRejectedException e)
    {
        // Such as a conversation that has outgrown the model's context.
        Console.Error.WriteLine(e.Message);
        break;
    }

    Console.WriteLine();
    conversation.AddMessages(updates);
}

// The best of eight answers; the others are there as well.
ChatOptions eight = new() { Seed = 1, MaxOutputTokens = 64, AdditionalProperties = new() { ["n"] = 8 } };
ChatResponse best = await client.GetResponseAsync("Name a fruit.", eight);
var all = (GenerationResult)best.RawRepresentation!;
Console.WriteLine($"{best.Text} (the worst: {all.Choices[^1].Text})");
