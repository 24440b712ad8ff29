using System.Buffers.Binary;

namespace DockerNetHarden.Lab.Services;

// The part of RFC 1035 that a reachability check needs: one question, one answer of type A, with only the answer's name compressed.
internal static class DnsMessage
{
    public const int HeaderLength = 12;
    private static readonly byte[] AnswerAddress = [192, 0, 2, 53];

    /// <summary>A question for the address of lab.test.</summary>
    public static byte[] Question(ushort id)
    {
        byte[] message = [0, 0, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 3, .. "lab"u8, 4, .. "test"u8, 0, 0, 1, 0, 1];
        BinaryPrimitives.WriteUInt16BigEndian(message, id);
        return message;
    }

    /// <summary>The answer to a question; null if the bytes are not a question.</summary>
    public static byte[]? Answer(ReadOnlySpan<byte> question)
    {
        if (question.Length < HeaderLength + 5 || (question[2] & 0x80) != 0 || BinaryPrimitives.ReadUInt16BigEndian(question[4..]) != 1)
            return null;
        var end = HeaderLength;
        while (end < question.Length && question[end] != 0)
            end += question[end] + 1;
        end += 5;
        if (end > question.Length)
            return null;
        byte[] answer = [.. question[..end], 0xc0, HeaderLength, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, .. AnswerAddress];
        answer[2] = 0x84 | 0x01;
        answer[3] = 0x80;
        BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(6), 1);
        answer.AsSpan(8, 4).Clear();
        return answer;
    }

    /// <summary>Whether the bytes answer the question with this id, without error.</summary>
    public static bool IsAnswer(ReadOnlySpan<byte> message, ushort id) =>
        message.Length > HeaderLength && BinaryPrimitives.ReadUInt16BigEndian(message) == id
        && (message[2] & 0x80) != 0 && (message[3] & 0x0f) == 0 && BinaryPrimitives.ReadUInt16BigEndian(message[6..]) > 0;
}
