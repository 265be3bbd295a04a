# Mail::IMAPClient, the library of imapsync and many scripts: a working day on u1.
use strict;
use warnings;
use Mail::IMAPClient;

sub connected {
    return Mail::IMAPClient->new(Server => "127.0.0.1", User => "u1", Password => "pass", Uid => 1, Peek => 1, @_)
        || die "connect: $@";
}

sub same {
    my ($what, $got, $want) = @_;
    $got = "(none)" unless defined $got;
    die "$what: got '$got', want '$want'\n" unless $got eq $want;
}

sub letter {
    my $n = shift;
    return "From: Anna <anna\@example.org>\r\nTo: u1\@demo.test\r\nSubject: letter $n\r\nDate: Tue, 3 Nov 2026 09:15:00 +0100\r\n"
        . "Message-ID: <perl.$n\@example.org>\r\n\r\nThis is letter $n.\r\n";
}

for my $c (connected(Port => $ENV{IMAP}), connected(Port => $ENV{IMAP}, Starttls => [SSL_verify_mode => 0]),
           connected(Port => $ENV{IMAPS}, Ssl => [SSL_verify_mode => 0]), connected(Port => $ENV{IMAP}, Authmechanism => "PLAIN")) {
    for my $cap (qw(IDLE UIDPLUS MOVE NAMESPACE QUOTA CONDSTORE)) {
        $c->has_capability($cap) || die "no $cap";
    }
    my @folders = $c->folders;
    die "folders: @folders" unless grep({ $_ eq "INBOX" } @folders) && grep({ $_ eq "Sent" } @folders);
    same("separator", $c->separator, "/");

    $c->create("Jobs/2026") || die $c->LastError;
    $c->subscribe("Jobs/2026") || die $c->LastError;
    die "not subscribed" unless grep { $_ eq "Jobs/2026" } $c->subscribed;
    for my $n (1 .. 10) {
        my $uid = $c->append_string("Jobs/2026", letter($n), $n % 2 ? '\Seen $Work' : "", $n == 1 ? " 7-Feb-1994 21:52:25 -0800" : undef) || die $c->LastError;
        same("uid of letter $n", $uid, $n);
    }
    $c->select("Jobs/2026") || die $c->LastError;
    same("count", $c->message_count, 10);
    same("unseen", $c->unseen_count, 5);
    same("text", $c->message_string(3), letter(3));
    same("size", $c->size(3), length letter(3));
    same("subject", $c->subject(4), "letter 4");
    same("date", $c->internaldate(1), "07-Feb-1994 21:52:25 -0800");
    same("search", join(" ", $c->search("KEYWORD", '$Work')), "1 3 5 7 9");
    same("since", join(" ", $c->since("01-Jan-2020") ), "2 3 4 5 6 7 8 9 10");
    same("body", join(" ", $c->search(\"BODY", "letter 10.")), "10");
    my $env = $c->get_envelope(2);
    same("envelope", $env->subject . " " . ($env->from_addresses)[0], 'letter 2 Anna <anna@example.org>');
    same("structure", $c->get_bodystructure(2)->bodytype, "TEXT");

    my $hash = $c->fetch_hash("UID", "FLAGS", "RFC822.SIZE", "INTERNALDATE");
    same("hash", scalar(keys %$hash), 10);
    $c->set_flag("Flagged", 2, 3) || die $c->LastError;
    same("flagged", join(" ", $c->search("FLAGGED")), "2 3");
    $c->unset_flag("Flagged", 2) || die $c->LastError;
    same("flags", join(" ", sort grep { $_ ne '\Recent' } $c->flags(3)), '$Work \Flagged \Seen');
    same("copy", $c->copy("Archive", 1, 2), "1,2") if $c->exists("Archive") && !$c->message_count("Archive");
    $c->move("Trash", [4, 5]) || die $c->LastError;
    $c->expunge;
    same("after the move", join(" ", $c->messages), "1 2 3 6 7 8 9 10");
    $c->delete_message(1, 2, 3) || die $c->LastError;
    $c->expunge || die $c->LastError;
    same("after the expunge", join(" ", $c->messages), "6 7 8 9 10");
    my $thread = eval { $c->thread("REFERENCES") };
    die "threads" if $c->has_capability("THREAD=REFERENCES") && !$thread;
    if ($c->has_capability("SORT")) {
        same("sort", join(" ", $c->sort("REVERSE SUBJECT", "UTF-8", "ALL")), "9 8 7 6 10");
    }
    my $tag = $c->idle || die $c->LastError;
    $c->done($tag) || die $c->LastError;
    $c->close || die $c->LastError;
    $c->unsubscribe("Jobs/2026");
    $c->delete("Jobs/2026") || die $c->LastError;
    $c->delete("Jobs");
    $c->logout || die $c->LastError;
}
